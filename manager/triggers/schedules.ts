import { WizError } from '../../proto/error.ts';
import { coalesced } from '../coalesced.ts';
import type { Manager } from '../manager.ts';
import { parseSpec } from '../spec/complete.ts';
import { begin, buildRun, newlyStored } from '../start-run.ts';
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
const TRIGGER_LABEL = 'wiz/trigger';

export function createSchedules(
  kind: ManagerRow['kind'],
  manager: () => Manager,
  note: (message: string) => void,
): Schedules {
  let scheduler: Promise<Scheduler> | undefined;
  let closed = false;

  /** Loaded when there is a schedule: croner takes 10 ms. */
  function start(): Promise<Scheduler> {
    scheduler ??= import('./scheduler.ts').then(({ createScheduler }) =>
      createScheduler({
        store: manager().store,
        build,
        started: ({ run, stored }) => begin(manager(), run, stored),
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
    const { store, hooks } = manager();
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
    return { run, stored: newlyStored(manager(), run, created, false) };
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

  const look = coalesced(
    async () => {
      if (closed || manager().centre?.term === undefined) return;
      // The next beat may be too late for one that is due soon.
      if (scheduler === undefined && (await manager().store.nextScheduleMs()) === undefined) return;
      await (await start()).look();
    },
    (error) => note(`schedules: ${error.message}`),
  );

  return {
    care: look,
    wake: look,
    fire: async (row) => (await start()).fire(row),
    async close() {
      closed = true;
      await look();
      await (await scheduler)?.close();
    },
  };
}
