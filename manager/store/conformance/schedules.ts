import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { NewSchedule, ScheduleChange, ScheduleRow } from '../schedules.ts';
import type { Store } from '../store.ts';
import { pipeline, runRow, someEvents } from './rows.ts';

const NOW = 1_700_000_000_000;

export function scheduleTests(store: () => Store): void {
  const schedule = (name: string, change: Partial<NewSchedule> = {}): NewSchedule => ({
    name,
    definition: '{"cron":"0 17 * * *"}',
    timeZone: 'Europe/Berlin',
    paused: false,
    nextMs: NOW,
    ...change,
  });
  const apply = (spec: string, ...schedules: NewSchedule[]) =>
    store().applyPipelines([{ ...pipeline('a', spec), schedules }], NOW, false);
  const only = async () => (await store().listSchedules('a'))[0]!;
  const change = (row: ScheduleRow, set: Partial<ScheduleChange['set']> = {}): ScheduleChange => ({
    pipeline: row.pipeline,
    name: row.name,
    revision: row.revision,
    set: {
      nextMs: row.nextMs + 1000,
      waiting: [],
      paused: false,
      lastMs: row.nextMs,
      lastRunId: '',
      lastOutcome: 'started',
      ...set,
    },
    runs: [],
  });

  it('has those of the newest version, and none of a deleted pipeline', async () => {
    await apply('1', schedule('one'), schedule('two'));
    assert.deepEqual(await only(), {
      ...schedule('one'),
      pipeline: 'a',
      version: 1,
      pausedByFile: false,
      waiting: [],
      lastMs: 0,
      lastRunId: '',
      lastOutcome: '',
      revision: 1,
    });
    await store().applyPipelines([pipeline('b', '1')], NOW, false);
    await apply('2', schedule('two'), schedule('three'));
    const names = (await store().listSchedules()).map(({ name, version }) => `${name} ${version}`);
    assert.deepEqual(names, ['three 2', 'two 2']);
    await store().deletePipeline('a', NOW);
    assert.deepEqual(await store().listSchedules(), []);
  });

  it('stores none when an apply is tried only', async () => {
    await store().applyPipelines([{ ...pipeline('a', '1'), schedules: [schedule('one')] }], NOW, true);
    assert.deepEqual(await store().listSchedules(), []);
  });

  it('goes on as it was where the file says the same', async () => {
    await apply('1', schedule('one'));
    await store().advanceSchedule(change(await only(), { paused: true, waiting: [NOW] }));
    await apply('2', schedule('one', { nextMs: NOW + 5 }));
    const same = await only();
    assert.deepEqual([same.nextMs, same.paused, same.waiting], [NOW + 1000, true, [NOW]]);
    await apply('3', schedule('one', { nextMs: NOW + 5, definition: '{}' }));
    const other = await only();
    assert.deepEqual([other.nextMs, other.paused, other.waiting], [NOW + 5, true, []]);
    await apply('4', schedule('one', { paused: true, definition: '{"p":1}' }));
    await apply('5', schedule('one', { paused: false, definition: '{}' }));
    assert.equal((await only()).paused, false);
    assert.equal((await only()).lastMs, NOW);
  });

  it('is due at its time, unless it is paused, and as long as fires wait', async () => {
    const due = async (nowMs: number) => (await store().dueSchedules(nowMs)).map(({ name }) => name);
    await apply('1', schedule('one'), schedule('two', { nextMs: NOW - 1, paused: true }));
    assert.equal(await store().nextScheduleMs(), NOW);
    assert.deepEqual(await due(NOW - 1), []);
    assert.deepEqual(await due(NOW), ['one']);
    await store().advanceSchedule(change(await only(), { waiting: [NOW] }));
    assert.deepEqual(await due(NOW - 1), ['one']);
    await store().advanceSchedule(change(await only(), { waiting: [NOW], paused: true }));
    assert.deepEqual(await due(NOW + 1e9), []);
    assert.equal(await store().nextScheduleMs(), undefined);
  });

  it('fires once, whoever else sees it, and stores the run with it', async () => {
    await apply('1', schedule('one'));
    const row = await only();
    const fires = [1, 2, 3].map(() => {
      const run = runRow({ managerId: 'm1', seq: 1 });
      const started = { row: run, events: someEvents(1, 1), managerId: 'm1', deliveries: [] };
      return { ...change(row, { lastRunId: run.runId }), runs: [started] };
    });
    const answers = await Promise.all(fires.map((fire) => store().advanceSchedule(fire)));
    assert.deepEqual(answers.toSorted(), [false, false, true]);
    const runs = await store().listRuns({ limit: 10 });
    assert.deepEqual(
      runs.map(({ runId, managerId }) => [runId, managerId]),
      [[(await only()).lastRunId, 'm1']],
    );
    assert.equal((await store().readEvents(runs[0]!.runId, 0, 10)).length, 1);
  });

  it('does not fire for whoever has lost the lease, nor for a version that is not the newest', async () => {
    await apply('1', schedule('one'));
    const row = await only();
    const fence = { kind: 'centre', key: '', holder: 'm1' };
    assert.equal(await store().advanceSchedule({ ...change(row), fence }), false);
    await store().acquireLease('centre', '', 'm1', NOW, NOW + 10);
    assert.equal(await store().advanceSchedule({ ...change(row), fence: { ...fence, epoch: 7 } }), false);
    assert.equal(await store().advanceSchedule({ ...change(row), fence }), true);
    const next = await only();
    await store().releaseLease('centre', '', 'm1');
    await store().acquireLease('centre', '', 'm2', NOW + 10, NOW + 20);
    assert.equal(await store().advanceSchedule({ ...change(next), fence }), false);
    await apply('2', schedule('one'));
    assert.equal(await store().advanceSchedule(change(next)), false);
  });
}
