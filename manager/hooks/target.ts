import { createHash } from 'node:crypto';
import type { HookAction, HookSpec } from '../spec/hook-spec.ts';
import type { SecretSpec } from '../spec/spec.ts';

/** Where a delivery goes: all that it takes to try it, and no secret value. Kept with it, as JSON. */
export interface HookTarget {
  action: HookAction;
  /** Where the secrets are found that it may use. */
  secrets: Record<string, SecretSpec>;
  /** Folder of commands. */
  folder: string;
  /** It is a hook of a pipeline, whose author may do less than that of the manager's configuration; see policy.ts. */
  ofPipeline: boolean;
}

/** A hook of a run, ready to be compared with events. */
export interface ReadyHook {
  spec: HookSpec;
  on: ReadonlySet<string>;
  /** Of the target, and for one of a pipeline of its name: what is disabled when a receiver is gone. */
  key: string;
  target: string;
}

export function readyHook(spec: HookSpec, target: HookTarget, owner: string): ReadyHook {
  const key = createHash('sha256')
    .update(JSON.stringify([owner, target.action]))
    .digest('hex')
    .slice(0, 32);
  return { spec, on: new Set(spec.on), key, target: JSON.stringify(target) };
}
