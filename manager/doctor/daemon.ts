/** Looks at what the configuration of a daemon names. Nothing is changed, and no manager is started. */

import { type Finding, ok } from '../../proto/finding.ts';
import type { LoadedConfig } from '../config/load.ts';
import { certificateFindings } from './certificate.ts';
import { fileStoreFindings } from './files.ts';
import { portFinding } from './port.ts';
import { providerFindings } from './provider.ts';
import { storeFindings } from './store.ts';

export async function* daemonFindings(
  { config, file, origins }: LoadedConfig,
  environment: NodeJS.ProcessEnv,
): AsyncGenerator<Finding> {
  const { listen, tls, store, files, auth, home, roles } = config;
  yield ok('configuration', `${file ?? 'no file'}, ${origins.size} settings that are not defaults`);
  yield* await storeFindings(store);
  yield* await fileStoreFindings(files, store, environment);
  if (roles.includes('api')) {
    yield await portFinding(listen, home);
    if (tls !== undefined) yield* certificateFindings(tls, listen.host);
  }
  if (auth.oidc !== undefined) yield* await providerFindings(auth.oidc);
}
