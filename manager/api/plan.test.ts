import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { openFileStore } from '../../files/open-file-store.ts';
import { PlanVerdict, StartRunRequestSchema } from '../../proto/gen/wiz/v1/runs_pb.js';
import { newId } from '../../proto/ids.ts';
import { createdEvent, type ProcessorSketch, pipeline, report } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import { applyPrepared, attemptReported, settleRun, startAttempt } from '../engine/transitions.ts';
import { rowOf } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { createPreparer } from '../prepare/preparer.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { planRun } from './plan.ts';

const SKETCHES: ProcessorSketch[] = [
  { name: 'list', action: { kind: 'script', text: 'ls', shell: 'sh' } },
  { name: 'quick', action: { kind: 'script', text: 'true', shell: 'sh' } },
  {
    name: 'work',
    needs: ['list'],
    each: [1, 2, 3, 4, 5],
    width: 2,
    action: { kind: 'script', text: 'work', shell: 'sh' },
  },
  { name: 'never', needs: ['quick'], when: 'false' },
  { name: 'end', needs: ['work', 'quick'], action: { kind: 'script', text: 'end', shell: 'sh' } },
];

async function openPlace() {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-plan-'));
  const store = await openSqliteStore(join(folder, 'wiz.db'));
  const files = await openFileStore(`folder:${join(folder, 'files')}`, { environment: {} });
  const options = { store, files, environment: {}, executorsAreLocal: () => true, note: () => {} };
  const preparer = createPreparer(options);
  const executors = new Map([['e', { slots: 4 }]]);
  const manager = { store, files, preparer, loop: { executors } } as unknown as Manager;
  const spec = pipeline(SKETCHES, { name: 'timed' });
  await store.applyPipelines(
    [
      {
        name: 'timed',
        specJson: JSON.stringify(spec),
        source: '',
        baseDir: '/',
        description: '',
        labels: {},
        processorCount: SKETCHES.length,
      },
    ],
    0,
    false,
  );

  /** A run that succeeded, in which attempts took as long as this says. Milliseconds. */
  async function ran(took: (name: string) => number): Promise<void> {
    const created = createdEvent(spec, newId());
    const run = newRunMachine(created, 'm1', 1);
    await store.createRun(rowOf(run), [created], 'm1');
    for (;;) {
      const due = [...run.due].filter(({ preparation }) => preparation === 'due');
      for (const task of due) task.preparation = 'asked';
      const answers = await Promise.all(preparer.prepare(run, due));
      for (const [n, task] of due.entries()) applyPrepared(run, task, answers[n]!, 0);
      const task = run.ready.take('program');
      if (task === undefined && due.length === 0) break;
      if (task === undefined) continue;
      startAttempt(run, task, 'e', 0);
      const done = report(task.name, 1, { startedUnixMs: 5000, endedUnixMs: 5000 + took(task.name) });
      attemptReported(run, done, 'e', 1, 0, () => 0);
    }
    settleRun(run, 0);
    await store.commit([{ row: rowOf(run), events: run.uncommitted }], { acquire: [], release: [], max: {} });
  }

  return {
    ran,
    plan: () =>
      planRun(manager, create(StartRunRequestSchema, { target: { case: 'pipeline', value: 'timed' } })),
    runs: () => store.listRuns({ limit: 100 }),
    async close() {
      await files.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

test('expected times are medians of earlier runs, and the longest way counts', async () => {
  const place = await openPlace();
  try {
    const before = await place.plan();
    assert.deepEqual(
      before.processors.map(({ name, verdict, expectedMs }) => [name, PlanVerdict[verdict], expectedMs]),
      [
        ['list', 'RUN', -1],
        ['quick', 'RUN', -1],
        ['work', 'RUN', -1],
        ['never', 'SKIPPED', -1],
        ['end', 'RUN', -1],
      ],
    );
    assert.equal(before.expectedMs, 0);

    for (const listMs of [100, 300, 9000]) {
      const times: Record<string, number> = { list: listMs, quick: 1000, end: 7 };
      await place.ran((name) => times[name] ?? 40);
    }
    const after = await place.plan();
    const expected = Object.fromEntries(after.processors.map(({ name, expectedMs }) => [name, expectedMs]));
    // Five instances of 40 ms, two at a time.
    assert.deepEqual(expected, { list: 300, quick: 1000, work: 120, never: -1, end: 7 });
    assert.equal(after.expectedMs, 1007);
    assert.equal(after.pipeline, 'timed');
    assert.equal((await place.runs()).length, 3, 'a plan is no run');
  } finally {
    await place.close();
  }
});
