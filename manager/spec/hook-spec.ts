/** Hooks of a pipeline file or of a manager's own configuration, checked: what is told, to whom, about which events. */

/** What a hook may be about. A processor with instances is one processor here: it starts when its list is known, and ends
 *  when all of them have. */
export const HOOK_EVENTS = [
  'run.started',
  'run.resumed',
  'run.succeeded',
  'run.failed',
  'run.cancelled',
  'processor.started',
  'processor.retrying',
  'processor.succeeded',
  'processor.failed',
  'processor.skipped',
] as const;

export type HookEvent = (typeof HOOK_EVENTS)[number];

export interface HookSpec {
  on: HookEvent[];
  /** Of events of processors, only those of these; empty is all. */
  processors: string[];
  action: HookAction;
  /** How long one try may take. */
  timeoutMs: number;
}

export type HookAction =
  | {
      kind: 'webhook';
      url: string;
      /** Name of the secret that signs; null is unsigned. */
      secret: string | null;
      headers: Record<string, string>;
    }
  | { kind: 'command'; argv: string[] }
  | { kind: 'script'; text: string; shell: 'bash' | 'sh' | 'python' | 'node' };
