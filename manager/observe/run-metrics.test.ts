import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import { newRun, pipeline, report } from '../engine/run.fixture.ts';
import type { RunMachine } from '../engine/run.ts';
import { findTask } from '../engine/run.ts';
import { attemptReported, attemptsLost, settleRun, startAttempt } from '../engine/transitions.ts';
import { createMeter } from './meter.ts';
import { lintMetrics } from './prometheus-lint.fixture.ts';
import { createRunMetrics } from './run-metrics.ts';

const half = () => 0.5;

/** Events so far, as the loop hands them over after a commit. */
function commit(run: RunMachine) {
  const events = run.uncommitted;
  run.uncommitted = [];
  return events;
}

test('attempts, latencies, commits and ends, from what is journaled', async () => {
  const meter = createMeter({ withProcess: false });
  const metrics = createRunMetrics(meter);
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }]));
  metrics.created(run);
  // Ready since 1000 (its creation), assigned at 1200, started at 1300, ended at 2000.
  startAttempt(run, findTask(run, 'a')!, 'e', 1200);
  metrics.committed(run, commit(run));
  attemptReported(run, report('a', 1, { startedUnixMs: 1300, endedUnixMs: 2000 }), 'e', 1, 2010, half);
  startAttempt(run, findTask(run, 'b')!, 'e', 2020);
  metrics.committed(run, commit(run));
  // Lost: it has no start, and says nothing about how long a start takes.
  attemptsLost(run, () => true, 'gone', 2500, half);
  metrics.committed(run, commit(run));
  startAttempt(run, findTask(run, 'b')!, 'e', 3000);
  const failed = {
    outcome: 2,
    reason: 'exit-code',
    failureClass: FailureClass.APP,
    startedUnixMs: 3040,
    endedUnixMs: 4000,
  };
  attemptReported(run, report('b', 2, failed), 'e', 1, 4010, half);
  settleRun(run, 4020);
  metrics.committed(run, commit(run));
  metrics.journaled([{ events: commit(newRun(run.spec)) }, { events: Array(7) }], 12);
  metrics.storeFailing(new Error('full'));

  const { text } = await meter.exposition(undefined);
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1],
    );
  assert.equal(value('wiz_runs_started_total{how="created"}'), 1);
  assert.equal(value('wiz_runs_ended_total{state="failed",reason="processor-failed"}'), 1);
  assert.equal(value('wiz_attempts_started_total'), 3);
  assert.equal(value('wiz_attempts_ended_total{outcome="succeeded",failure_class=""}'), 1);
  assert.equal(value('wiz_attempts_ended_total{outcome="failed",failure_class="infra"}'), 1);
  assert.equal(value('wiz_attempts_ended_total{outcome="failed",failure_class="app"}'), 1);
  assert.equal(value('wiz_dispatch_seconds_count'), 3);
  assert.equal(value('wiz_start_seconds_count'), 2);
  assert.ok(Math.abs(value('wiz_start_seconds_sum') - 0.14) < 1e-9);
  assert.equal(value('wiz_journal_commit_events_sum'), 7);
  assert.equal(value('wiz_journal_commit_runs_sum'), 2);
  assert.equal(value('wiz_journal_commit_seconds_sum'), 0.012);
  assert.deepEqual([value('wiz_store_errors_total'), value('wiz_store_failing')], [1, 1]);
  assert.deepEqual(lintMetrics(text), []);
});

test('a step is from the end of the last need to the start', async () => {
  const meter = createMeter({ withProcess: false });
  const metrics = createRunMetrics(meter);
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b' }, { name: 'c', needs: ['a', 'b'] }]));
  for (const [name, endedUnixMs] of [
    ['a', 1500],
    ['b', 1700],
  ] as const) {
    startAttempt(run, findTask(run, name)!, 'e', 1000);
    attemptReported(run, report(name, 1, { startedUnixMs: 1000, endedUnixMs }), 'e', 1, endedUnixMs, half);
  }
  startAttempt(run, findTask(run, 'c')!, 'e', 1710);
  attemptReported(run, report('c', 1, { startedUnixMs: 1725, endedUnixMs: 1800 }), 'e', 1, 1800, half);
  metrics.committed(run, commit(run));
  const { text } = await meter.exposition(undefined);
  assert.match(text, /^wiz_step_seconds_sum 0\.025$/m);
  assert.match(text, /^wiz_step_seconds_count 1$/m);
});
