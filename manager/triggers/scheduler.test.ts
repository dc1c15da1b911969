import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WizError } from '../../proto/error.ts';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { createdEvent, pipeline as specOf } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import { rowOf } from '../journal.ts';
import type { TriggerSpec } from '../spec/trigger-spec.ts';
import { commitOf, NO_LIMITS, pipeline } from '../store/conformance/rows.ts';
import type { ScheduleRow } from '../store/schedules.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { createScheduler, type NewFire, type SchedulerOptions } from './scheduler.ts';
import { schedulesOf } from './schedules-of.ts';

const HOUR = 3_600_000;
const spec = specOf([{ name: 'a' }]);

/** A store with one hourly schedule, and schedulers on it. */
async function ground(t: TestContext, change: Partial<TriggerSpec> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-schedules-'));
  const store = await openSqliteStore(join(folder, 'wiz.db'));
  const clock = { now: 0.5 * HOUR };
  const started: { scheduledMs: number; runId: string; by: string }[] = [];
  const cancelled: string[] = [];
  const open: { close(): Promise<void> }[] = [];
  t.after(async () => {
    for (const it of open) await it.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const trigger: TriggerSpec = {
    name: 'hourly',
    schedule: { kind: 'every', everyMs: HOUR },
    params: {},
    overlap: 'skip',
    catchUp: 'last',
    paused: false,
    ...change,
  };
  const schedules = schedulesOf({ ...spec, triggers: [trigger] }, 'UTC', clock.now);
  await store.applyPipelines([{ ...pipeline('tested', '1'), schedules }], clock.now, false);
  let count = 0;
  const scheduler = (by: string, change: Partial<SchedulerOptions> = {}) => {
    const scheduled = new Map<string, number>();
    const it = createScheduler({
      store,
      async build({ scheduledMs }: NewFire) {
        const runId = `run${++count}`;
        scheduled.set(runId, scheduledMs);
        const created = createdEvent(spec, runId);
        const run = newRunMachine(created, by, 1);
        const row = { ...rowOf(run), state: RunState.RUNNING };
        return { run, stored: { row, events: [created], managerId: by, deliveries: [] } };
      },
      async started({ run: { runId } }) {
        started.push({ scheduledMs: scheduled.get(runId)! / HOUR, runId, by });
      },
      cancel: async (runId) => void cancelled.push(runId),
      fence: async () => ({ kind: 'schedules', key: '', holder: by }),
      now: () => clock.now,
      note: (message) => assert.fail(message),
      ...change,
    });
    open.push(it);
    return it;
  };
  const lead = (by: string) => store.acquireLease('schedules', '', by, Date.now(), Date.now() + 60_000);
  return {
    store,
    clock,
    started,
    cancelled,
    scheduler,
    lead,
    only: async (): Promise<ScheduleRow> => (await store.listSchedules())[0]!,
    async end(runId: string) {
      const row = (await store.getRun(runId))!;
      const done = commitOf(row, 1, { state: RunState.SUCCEEDED });
      assert.deepEqual((await store.commit([done], NO_LIMITS)).fenced, []);
    },
  };
}

test('a restart fires once what was due meanwhile, and the next time as usual', async (t) => {
  const { clock, started, scheduler, lead, end } = await ground(t);
  await lead('m1');
  const first = scheduler('m1');
  await first.look();
  assert.equal(started.length, 0);
  clock.now = HOUR;
  await first.look();
  await first.look();
  assert.deepEqual(
    started.map(({ scheduledMs }) => scheduledMs),
    [1],
  );
  await end('run1');
  await first.close();
  clock.now = 3.5 * HOUR;
  const second = scheduler('m1');
  await second.look();
  await second.look();
  assert.deepEqual(
    started.map(({ scheduledMs }) => scheduledMs),
    [1, 3],
  );
  await end('run2');
  clock.now = 4 * HOUR;
  await second.look();
  assert.deepEqual(
    started.map(({ scheduledMs }) => scheduledMs),
    [1, 3, 4],
  );
});

test('of managers that look at the same moment one fires', async (t) => {
  const { clock, started, scheduler, store, end } = await ground(t);
  // None of them knows who has the lease: the store alone decides.
  const all = ['m1', 'm2', 'm3'].map((by) => scheduler(by, { fence: async () => undefined }));
  const free = ['m1', 'm2', 'm3'].map((by) =>
    scheduler(by, { fence: async () => ({ kind: 'schedules', key: '', holder: 'any' }) }),
  );
  await store.acquireLease('schedules', '', 'any', Date.now(), Date.now() + 60_000);
  for (let hour = 1; hour <= 5; hour++) {
    clock.now = hour * HOUR;
    await Promise.all([...all, ...free].map((it) => it.look()));
    assert.equal(started.length, hour);
    await end(started.at(-1)!.runId);
  }
  assert.deepEqual(
    started.map(({ scheduledMs }) => scheduledMs),
    [1, 2, 3, 4, 5],
  );
  assert.equal((await store.listRuns({ limit: 100 })).length, 5);
});

test('whoever was paused past its lease fires nothing', async (t) => {
  const { clock, started, scheduler, lead } = await ground(t);
  await lead('m2');
  clock.now = HOUR;
  const stale = scheduler('m1');
  await stale.look();
  assert.equal(started.length, 0);
  await scheduler('m2').look();
  assert.deepEqual(
    started.map(({ by }) => by),
    ['m2'],
  );
});

test('queue starts one after the other, replace cancels', async (t) => {
  const queue = await ground(t, { overlap: 'queue' });
  await queue.lead('m1');
  const it = queue.scheduler('m1');
  for (const hour of [1, 2, 3]) {
    queue.clock.now = hour * HOUR;
    await it.look();
  }
  assert.deepEqual((await queue.only()).waiting, [2 * HOUR, 3 * HOUR]);
  await queue.end('run1');
  await it.look();
  await it.look();
  assert.deepEqual(
    queue.started.map(({ scheduledMs }) => scheduledMs),
    [1, 2],
  );

  const replace = await ground(t, { overlap: 'replace' });
  await replace.lead('m1');
  const other = replace.scheduler('m1');
  for (const hour of [1, 2]) {
    replace.clock.now = hour * HOUR;
    await other.look();
  }
  assert.deepEqual([replace.started.length, replace.cancelled], [1, ['run1']]);
  await replace.end('run1');
  await other.look();
  assert.deepEqual(
    replace.started.map(({ scheduledMs }) => scheduledMs),
    [1, 2],
  );
});

test('what cannot be started is told, and the next time comes all the same', async (t) => {
  const { clock, started, scheduler, lead, only } = await ground(t);
  await lead('m1');
  let problem: Error | undefined = new WizError('invalid_argument', 'param "n" must be a number');
  const build = scheduler('m1', {
    build: async () => {
      throw problem!;
    },
    note: () => {},
  });
  clock.now = HOUR;
  await build.look();
  const { nextMs, lastOutcome } = await only();
  assert.deepEqual([nextMs, lastOutcome], [2 * HOUR, 'failed: param "n" must be a number']);
  // What may pass is tried again: nothing was stored.
  problem = new WizError('unavailable', 'no executor');
  clock.now = 2 * HOUR;
  await build.look();
  assert.equal((await only()).nextMs, 2 * HOUR);
  await scheduler('m1').look();
  assert.deepEqual(
    started.map(({ scheduledMs }) => scheduledMs),
    [2],
  );
});

test('a fire by hand starts a run beside the times, and keeps to the overlap', async (t) => {
  const { started, scheduler, only } = await ground(t);
  const it = scheduler('m1');
  const { started: runId } = await it.fire(await only());
  assert.equal(runId, 'run1');
  assert.deepEqual([(await only()).nextMs, started.length], [HOUR, 1]);
  await assert.rejects(it.fire(await only()), { code: 'failed_precondition', message: /run1.*goes on/ });
});

test('a fire that is under way as a manager ends is over before it is gone', async (t) => {
  const { clock, started, scheduler, lead, store } = await ground(t);
  await lead('m1');
  clock.now = HOUR;
  const looking = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const it = scheduler('m1', {
    store: {
      dueSchedules: (nowMs) => store.dueSchedules(nowMs),
      nextScheduleMs: () => store.nextScheduleMs(),
      getRun: (runId) => store.getRun(runId),
      async advanceSchedule(change) {
        looking.resolve();
        await gate.promise;
        return store.advanceSchedule(change);
      },
    },
  });
  void it.look();
  await looking.promise;
  const closed = it.close();
  gate.resolve();
  await closed;
  assert.equal(started.length, 1);
});
