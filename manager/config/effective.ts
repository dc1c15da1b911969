import { dotted } from '../spec/subject.ts';
import type { DaemonConfig } from './config.ts';
import { hostAndPort } from './host-and-port.ts';
import { isWithin, type Origin } from './layers.ts';
import type { LoadedConfig } from './load.ts';
import { masked } from './masked.ts';
import { configSchema } from './schema.ts';
import { settingsOf } from './setting.ts';

/** One setting as it holds. */
export interface EffectiveSetting {
  path: string;
  /** Secrets are masked. Undefined when it is not set. */
  value: unknown;
  /** `wiz.yaml:3:8`, `$WIZ_LISTEN`, `--listen`, or default. */
  from: string;
}

/** Every setting with where its value came from. */
export function effectiveSettings({ config, origins }: LoadedConfig): EffectiveSetting[] {
  return settingsOf(configSchema).map(({ path, schema }) => {
    const name = dotted(path);
    const [, origin] = [...origins].find(([set]) => isWithin(set, name)) ?? [];
    const written = origin?.kind === 'file' ? origin.written : undefined;
    // What a reference stood for may be a secret: the reference is shown.
    const hasReference = JSON.stringify(written ?? null).includes('${');
    const value = hasReference ? written : settingOf(config, path);
    return { path: name, value: masked(value, schema), from: fromWords(origin) };
  });
}

function fromWords(origin: Origin | undefined): string {
  if (origin === undefined) return 'default';
  if (origin.kind === 'file') return `${origin.file}:${origin.line}:${origin.column}`;
  return origin.kind === 'environment' ? `$${origin.name}` : origin.name;
}

/** As it would be written in wiz.yaml. */
function settingOf(config: DaemonConfig, path: string[]): unknown {
  const { listen, localExecutors } = config;
  switch (path.join('.')) {
    case 'listen':
      return hostAndPort(listen);
    case 'localExecutors':
      return localExecutors !== undefined;
    case 'slots':
      return localExecutors?.slots;
    default:
      return path.reduce<unknown>(
        (value, key) => (value as Record<string, unknown> | undefined)?.[key],
        config,
      );
  }
}
