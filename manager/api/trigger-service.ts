import type { ServiceImpl } from '@connectrpc/connect';
import { WizError } from '../../proto/error.ts';
import type { Schedule, TriggerService } from '../../proto/gen/wiz/v1/triggers_pb.js';
import type { Manager } from '../manager.ts';
import { didYouMean, nearest } from '../spec/nearest.ts';
import type { TriggerSpec } from '../spec/trigger-spec.ts';
import type { ScheduleRow } from '../store/schedules.ts';
import { unary } from './errors.ts';

/** What starts runs by itself. */
export function triggerService(manager: Manager): ServiceImpl<typeof TriggerService> {
  const { store, schedules } = manager;

  /** Changes what it finds, and again when somebody else was faster. */
  async function change(pipeline: string, name: string, to: (row: ScheduleRow) => Promise<ScheduleRow>) {
    for (;;) {
      const row = await findSchedule(manager, pipeline, name);
      const set = await to(row);
      const done = await store.advanceSchedule({
        pipeline: row.pipeline,
        name: row.name,
        revision: row.revision,
        set,
        runs: [],
      });
      if (!done) continue;
      schedules.wake();
      return { schedule: scheduleOf(set) };
    }
  }

  return {
    listSchedules: unary(async ({ pipeline }) => ({
      schedules: (await store.listSchedules(pipeline === '' ? undefined : pipeline)).map(scheduleOf),
    })),
    pauseSchedule: unary(({ pipeline, name }) =>
      change(pipeline, name, async (row) => ({ ...row, paused: true })),
    ),
    resumeSchedule: unary(({ pipeline, name }) =>
      change(pipeline, name, async (row) => {
        if (!row.paused) return row;
        const { fireTimes } = await import('../triggers/times.ts');
        const { schedule } = JSON.parse(row.definition) as TriggerSpec;
        return { ...row, paused: false, nextMs: fireTimes(schedule, row.timeZone).next(Date.now()) };
      }),
    ),
    fireSchedule: unary(async ({ pipeline, name }) => {
      const row = await findSchedule(manager, pipeline, name);
      const { started } = await schedules.fire(row);
      const now = await findSchedule(manager, row.pipeline, row.name);
      return { schedule: scheduleOf(now), runId: started };
    }),
  };
}

/** A schedule of an applied pipeline; without a name the only one. Throws WizError not_found or invalid_argument. */
async function findSchedule({ store }: Manager, pipeline: string, name: string): Promise<ScheduleRow> {
  const rows = await store.listSchedules(pipeline);
  const names = rows.map((row) => row.name);
  if (rows.length === 0) {
    const hint = 'wiz schedules list shows what there is.';
    throw new WizError('not_found', `There is no applied pipeline "${pipeline}" with schedules. ${hint}`);
  }
  if (name === '' && rows.length === 1) return rows[0]!;
  const found = rows.find((row) => row.name === name);
  if (found !== undefined) return found;
  const all = `It has ${names.join(', ')}.`;
  if (name === '') {
    throw new WizError('invalid_argument', `Which schedule of "${pipeline}"? ${all}`);
  }
  const hint = didYouMean(nearest(name, names)) || all;
  throw new WizError('not_found', `Pipeline "${pipeline}" has no schedule "${name}". ${hint}`);
}

function scheduleOf(row: ScheduleRow): Schedule {
  const { schedule, params, overlap, catchUp } = JSON.parse(row.definition) as TriggerSpec;
  const isOver = row.paused || row.nextMs === Number.MAX_SAFE_INTEGER;
  return {
    $typeName: 'wiz.v1.Schedule',
    pipeline: row.pipeline,
    version: row.version,
    name: row.name,
    times:
      schedule.kind === 'cron'
        ? { case: 'cron', value: schedule.cron }
        : { case: 'everyMs', value: schedule.everyMs },
    timeZone: row.timeZone,
    params,
    overlap,
    catchUp,
    paused: row.paused,
    nextUnixMs: isOver ? 0 : row.nextMs,
    waitingUnixMs: row.waiting,
    lastUnixMs: row.lastMs,
    lastRunId: row.lastRunId,
    lastOutcome: row.lastOutcome,
  };
}
