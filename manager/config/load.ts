import { resolve } from 'node:path';
import type { Diagnostic } from '../../proto/error.ts';
import { wizHome } from '../../proto/home.ts';
import { badInput } from '../spec/diagnostic.ts';
import { explain } from '../spec/explain.ts';
import { nearestFinder } from '../spec/nearest.ts';
import type { Path } from '../spec/subject.ts';
import { checkTogether } from './check.ts';
import type { DaemonConfig } from './config.ts';
import { findConfigFile } from './find-file.ts';
import { type ConfigSources, Layers, type Origin } from './layers.ts';
import { masked } from './masked.ts';
import { readConfigFile } from './read-file.ts';
import { configSchema } from './schema.ts';
import { keysAt } from './setting.ts';

export interface LoadedConfig {
  config: DaemonConfig;
  /** wiz.yaml, when there is one. */
  file: string | undefined;
  /** Where the values of settings came from, by their path; the others have their defaults. */
  origins: Map<string, Origin>;
  /** Variables with secrets: programs do not get them. */
  secretVariables: string[];
}

/** The configuration of a daemon: file, then environment, then flags, the later winning. Throws WizError with everything
 *  that is wrong, each with its place. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const path = findConfigFile(sources.file, sources.environment);
  const file = path === undefined ? undefined : readConfigFile(path);
  const layers = new Layers(file, sources);
  if (file !== undefined) layers.addFile(file);
  layers.addEnvironment();
  for (const { path: at, value, flag } of sources.flags ?? []) layers.addFlag(at, value, flag);
  const { tree, origins, problems, secretVariables } = layers;
  const checked = configSchema.safeParse(tree);
  if (!checked.success) {
    const nearest = nearestFinder();
    const options = { keysAt: (at: Path) => keysAt(configSchema, at), nearest };
    const shown = masked(layers.shown, configSchema);
    for (const issue of checked.error.issues) {
      for (const complaint of explain(issue, shown, [], options)) {
        problems.push(layers.diagnostic(complaint.path, complaint.at, complaint.message, complaint.hint));
      }
    }
  }
  if (problems.length > 0 || !checked.success) throw badInput(problems.toSorted(byPlace));
  const config = completed(checked.data, sources.environment);
  const together = checkTogether(config).map(({ path: at, message, hint }) =>
    layers.diagnostic(at, 'value', message, hint),
  );
  if (together.length > 0) throw badInput(together);
  return { config, file: path, origins, secretVariables };
}

/** Adds what follows from other settings. */
function completed(
  parsed: ReturnType<typeof configSchema.parse>,
  environment: NodeJS.ProcessEnv,
): DaemonConfig {
  const {
    home = wizHome(environment),
    store,
    files,
    localExecutors,
    slots,
    tls,
    maxRunning,
    ...others
  } = parsed;
  return {
    ...others,
    home,
    tls: tls && {
      certificate: tls.certificate,
      key: tls.key,
      ...(tls.clientAuthority && { clientAuthority: tls.clientAuthority }),
    },
    store: store ?? `sqlite:${resolve(home, 'wiz.db')}`,
    files: files ?? `folder:${resolve(home, 'files')}`,
    localExecutors: localExecutors ? { slots } : undefined,
    maxRunning,
  };
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.line - b.line || a.column - b.column;
}
