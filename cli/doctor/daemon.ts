/** Looks at a daemon from its own machine: what its configuration names, and itself when it runs. */
import type { LoadedConfig } from '../../manager/index.ts';
import { type Finding, fail, ok } from '../../proto/finding.ts';
import { openApi } from '../api.ts';
import { LOCAL } from '../contexts/choose.ts';
import { localDaemon } from '../contexts/local-daemon.ts';
import { configSources } from '../daemon-flags.ts';
import { failureOf } from '../failure.ts';
import { clock, freeSpace, nodeVersion, socketPath, stateFolder } from './machine.ts';
import { executorsFinding } from './remote.ts';

export async function* findingsOfDaemon(flags: { config?: string | undefined }): AsyncGenerator<Finding> {
  const { daemonFindings, loadDaemonConfig } = await import('../../manager/index.ts');
  yield nodeVersion();
  let loaded: LoadedConfig;
  try {
    loaded = await loadDaemonConfig(configSources(flags));
  } catch (error) {
    yield* wrongSettings(error);
    return;
  }
  const { home, localExecutors } = loaded.config;
  yield* [stateFolder(home), freeSpace(home), clock(home)];
  if (localExecutors !== undefined) yield socketPath(home);
  yield* daemonFindings(loaded, process.env);
  yield* running(home);
}

function* wrongSettings(error: unknown): Generator<Finding> {
  const { message, diagnostics } = failureOf(error);
  if (diagnostics.length === 0) yield fail('configuration', message, 'wiz config show tells what holds.');
  for (const { file, line, column, message, hint } of diagnostics) {
    const place = line > 0 ? `${file}:${line}:${column}` : file;
    yield fail('configuration', `${place}: ${message}`, hint);
  }
}

/** What only the daemon itself knows. */
async function* running(home: string): AsyncGenerator<Finding> {
  const daemon = localDaemon({ ...process.env, WIZ_HOME: home });
  if (daemon === undefined) {
    yield ok('daemon', 'does not run here');
    return;
  }
  const { url, ca, credential } = daemon;
  const place = { kind: 'remote' as const, name: LOCAL, url, ca, credential, from: 'daemon.json' };
  const api = await openApi({ place, impatient: true, quiet: true });
  try {
    const { managers } = await api.manager.getManager({});
    const kinds = managers.filter(({ kind }) => kind === 'daemon').length;
    yield ok('daemon', `${url}; ${kinds} daemons on its store`);
    yield await executorsFinding(api);
  } catch (error) {
    yield fail('daemon', failureOf(error).message, 'Its log says more: journalctl -u wiz, or manager.log.');
  } finally {
    await api.close();
  }
}
