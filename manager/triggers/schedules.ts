import { WizError } from '../../proto/error.ts';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { rowOf } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { parseSpec } from '../spec/complete.ts';
import { buildRun } from '../start-run.ts';
import type { ScheduleRow } from '../store/schedules.ts';
import type { ManagerRow } from '../store/store.ts';
import type { NewFire, Scheduler } from './scheduler.ts';

/** Schedules as one manager sees them. Only the centre (centre.ts) fires them by itself. */
export interface Schedules {
  /** With each heartbeat. */
  care(): Promise<void>;
  /** Something may be due: a pipeline was applied, a run of a schedule has ended. */
  wake(): void;
  /** Fires one now; see Scheduler. */
  fire(row: ScheduleRow): Promise<{ started: string }>;
  close(): Promise<void>;
}

/** Label of runs that a trigger started: its name. */
export const TRIGGER_LABEL = 'wiz/trigger';

export function createSchedules(
  kind: ManagerRow['kind'],
  manager: () => Manager,
  note: (message: string) => void,
): Schedules {
  let scheduler: Promise<Scheduler> | undefined;
  let looking: Promise<void> = Promise.resolve();
  let closed = false;

  /** Loaded when there is a schedule: croner takes 10 ms. */
  function start(): Promise<Scheduler> {
    scheduler ??= import('./scheduler.ts').then(({ createScheduler }) =>
      createScheduler({
        store: manager().store,
        build,
        started(run) {
          const { loop, fleet, hooks } = manager();
          hooks.committed();
          // Otherwise it is another daemon's, which sees it at once.
          if (run.managerId === null) return;
          loop.add(run, { adopted: false });
          fleet.ensure();
        },
        cancel,
        fence,
        now: Date.now,
        note,
      }),
    );
    return scheduler;
  }

  /** What it writes names its term of the centre: one that is over writes nothing. */
  async function fence() {
    const { centre, managerId } = manager();
    const epoch = centre?.term?.epoch;
    return epoch === undefined ? undefined : { kind: 'centre', key: '', holder: managerId, epoch };
  }

  async function build({ row, trigger, scheduledMs, manual }: NewFire) {
    const { store, hooks, sharing, managerId } = manager();
    const version = await store.getPipeline(row.pipeline, row.version);
    if (version === undefined) {
      throw new WizError('not_found', `Pipeline "${row.pipeline}" has no version ${row.version} any more.`);
    }
    const spec = parseSpec(version.specJson);
    hooks.check(spec);
    const { run, created } = await buildRun(manager(), {
      spec,
      version: row.version,
      params: trigger.params,
      context: {},
      parentContext: {},
      labels: { [TRIGGER_LABEL]: trigger.name },
      detach: false,
      noCache: false,
      runId: '',
      trigger: { name: trigger.name, kind: 'schedule', scheduledUnixMs: scheduledMs, manual },
    });
    const owner = sharing.keeps(run.runId, false) ? managerId : null;
    run.managerId = owner;
    const deliveries = hooks.deliveriesOf(run, [created]) ?? [];
    const stored = {
      row: { ...rowOf(run), state: RunState.RUNNING },
      events: [created],
      managerId: owner,
      deliveries,
    };
    return { run, stored };
  }

  async function cancel(runId: string, message: string): Promise<void> {
    const { loop, store, background } = manager();
    if (loop.runs.has(runId)) return loop.cancel(runId, message);
    await store.sendCommand({ runId, kind: 'cancel', message }).catch((error) => {
      // It has ended in the meantime: what waits for that goes on.
      if (!(error instanceof WizError)) throw error;
    });
    if (kind === 'cli') await background.ensure();
  }

  async function look(): Promise<void> {
    if (closed || manager().centre?.term === undefined) return;
    if (scheduler === undefined) {
      // The next beat may be too late for one that is due soon.
      const next = await manager().store.nextScheduleMs();
      if (next === undefined) return;
    }
    await (await start()).look();
  }

  return {
    care: () => (looking = look()),
    wake() {
      looking = look().catch((error) => note(`schedules: ${(error as Error).message}`));
    },
    fire: async (row) => (await start()).fire(row),
    async close() {
      closed = true;
      (await scheduler)?.close();
      await looking.catch(() => {});
    },
  };
}
