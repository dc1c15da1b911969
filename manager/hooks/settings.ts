import type { HooksConfig } from '../config/hooks.ts';
import { buildHook } from '../spec/build-hooks.ts';
import type { SecretSpec } from '../spec/spec.ts';
import type { HookSettings } from './hooks.ts';

/** Hooks of a daemon as its configuration has them. */
export function hookSettings(config: HooksConfig, home: string): HookSettings {
  const { global, secrets, publicUrl, allow } = config;
  const hooks = global.map(({ pipelines = [], labels = {}, ...hook }) => ({
    ...buildHook(hook),
    pipelines,
    labels: Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)])),
  }));
  return {
    own: { hooks, secrets: secrets as Record<string, SecretSpec>, folder: home, publicUrl },
    policy: { ...allow, hosts: allow.hosts },
  };
}

/** Variables that are there for hooks: programs of runs do not get them. */
export function isForHooks(name: string, { secrets }: HooksConfig): boolean {
  return name.startsWith('WIZ_HOOK_') || Object.values(secrets).some(({ env }) => env === name);
}
