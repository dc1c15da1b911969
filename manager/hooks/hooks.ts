import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Background } from '../background.ts';
import type { RunMachine } from '../engine/run.ts';
import type { Observer } from '../observe/observer.ts';
import type { PipelineSpec } from '../spec/spec.ts';
import type { NewDelivery } from '../store/deliveries.ts';
import type { ManagerRow, Store } from '../store/store.ts';
import type { Deliverer } from './deliverer.ts';
import { checkAllowed, type HookPolicy, OPEN_POLICY } from './policy.ts';
import { createTeller, type HooksOfManager } from './teller.ts';

/** Hooks of one manager: what they are told, and that it gets there. */
export interface Hooks {
  /** For the commit of these events, and who makes it wakes then; undefined is nothing. */
  deliveriesOf(run: RunMachine, events: readonly Event[]): NewDelivery[] | undefined;
  /** With each heartbeat: what is due, whoever stored it. */
  care(): Promise<void>;
  /** Something is being tried, or is due soon. */
  busy(): Promise<boolean>;
  /** Something was stored that is due. */
  wake(): void;
  /** Throws WizError permission_denied for hooks that this manager would not carry out. */
  check(spec: PipelineSpec): void;
  /** Tries what is due once more, waits for what is being tried, and leaves the rest to others. */
  close(): Promise<void>;
}

export interface HookSettings {
  own: HooksOfManager;
  policy: HookPolicy;
  /** Where secrets are found, and what commands inherit; by default the environment of the manager's programs. */
  environment?: NodeJS.ProcessEnv;
}

export const NO_HOOKS: HookSettings = {
  own: { hooks: [], secrets: {}, folder: '/', publicUrl: undefined },
  policy: OPEN_POLICY,
};

/** Milliseconds for which the end of a command, or of a service, waits for what is being tried. */
const CLOSE_PATIENCE_MS = 10_000;
/** Milliseconds ahead to which the background manager waits for a delivery; one that is due later goes out when wiz is
 *  next at work. */
const SOON_MS = 600_000;

export function createHooks(options: {
  managerId: string;
  kind: ManagerRow['kind'];
  store: Store;
  background: Background;
  settings: HookSettings;
  environment: NodeJS.ProcessEnv;
  note(message: string): void;
  observer?: Observer | undefined;
}): Hooks {
  const { kind, store, settings } = options;
  const { policy, environment = options.environment } = settings;
  const tell = createTeller(settings.own);
  const counted = options.observer?.meter?.counter(
    'wiz_hook_tries_total',
    'Tries of deliveries that ended.',
    ['outcome'],
  );
  let deliverer: Promise<Deliverer> | undefined;
  let closed = false;

  /** Loaded with the first delivery: most commands have none. */
  function start(): Promise<Deliverer> {
    deliverer ??= import('./deliverer.ts').then(({ createDeliverer }) =>
      createDeliverer({
        ...{ ...options, environment, policy, now: Date.now, chance: Math.random },
        ended: ({ state }) => counted?.add({ outcome: state === 'pending' ? 'again' : state }),
      }),
    );
    return deliverer;
  }

  function wake(): void {
    if (!closed) void start().then((it) => it.wake());
  }

  async function dueWithin(ms: number): Promise<boolean> {
    const next = await store.nextDeliveryMs(Date.now());
    return next !== undefined && next <= Date.now() + ms;
  }

  return {
    deliveriesOf: tell,
    async care() {
      if (!(await dueWithin(0))) return;
      if (kind === 'cli' && deliverer === undefined) await options.background.ensure();
      else wake();
    },
    busy: async () => ((await deliverer)?.active ?? 0) > 0 || (await dueWithin(SOON_MS)),
    wake,
    check: (spec) => checkAllowed(spec, policy),
    async close() {
      closed = true;
      if (deliverer === undefined) return;
      const it = await deliverer;
      // A command has nobody who goes on with what is due right now.
      if (kind !== 'daemon') await it.settled(CLOSE_PATIENCE_MS);
      await it.close(CLOSE_PATIENCE_MS);
      if (kind === 'daemon') return;
      if (await dueWithin(SOON_MS)) await options.background.ensure();
    },
  };
}
