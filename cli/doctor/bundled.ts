/** Looks at this machine for the bundled manager. */

import type { Finding } from '../../proto/finding.ts';
import { wizHome } from '../../proto/home.ts';
import type { Api } from '../api.ts';
import { clock, freeSpace, nodeVersion, shells, socketPath, stateFolder } from './machine.ts';
import { executor, store } from './manager.ts';

export async function* bundledFindings(open: () => Promise<Api>): AsyncGenerator<Finding> {
  const home = wizHome(process.env);
  yield* [nodeVersion(), stateFolder(home), freeSpace(home), socketPath(home), clock(home)];
  yield* shells(process.env);
  const opening = open();
  const opens = await store(opening);
  yield opens;
  if (opens.verdict === 'ok') yield await executor(opening);
}
