import { type AttemptEnded, type AttemptStarted, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, Outcome } from '../../proto/gen/wiz/v1/executors_pb.js';
import { findTask, type RunMachine } from '../engine/run.ts';
import type { AttemptRecord, Task } from '../graph/processor-node.ts';
import type { Meter } from './meter.ts';
import type { Observer } from './observer.ts';

/** Seconds: from what a chain of no-ops takes a step to what somebody waits for. */
export const LATENCY_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
const BATCH_EVENTS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000];
const BATCH_RUNS = [1, 3, 10, 30, 100, 300, 1000, 3000];

/** What is counted and timed of runs, from what is journaled. */
export function createRunMetrics(meter: Meter): Observer {
  const started = meter.counter('wiz_runs_started_total', 'Runs that began here, by how.', ['how']);
  const ended = meter.counter('wiz_runs_ended_total', 'Runs that ended here.', ['state', 'reason']);
  const attemptsStarted = meter.counter('wiz_attempts_started_total', 'Attempts given to executors.');
  const attemptsEnded = meter.counter(
    'wiz_attempts_ended_total',
    'Attempts that ended, by outcome and by who a failure counts against.',
    ['outcome', 'failure_class'],
  );
  const reused = meter.counter(
    'wiz_processors_reused_total',
    'Processors that took their result from the cache.',
  );
  const dispatch = timer(
    'wiz_dispatch_seconds',
    'From when an attempt could start to when it was given to an executor.',
  );
  const start = timer(
    'wiz_start_seconds',
    'From when an attempt was given to an executor to its start there.',
  );
  const step = timer('wiz_step_seconds', 'From the end of the last need of a processor to its own start.');
  const commitTime = timer('wiz_journal_commit_seconds', 'Time of a group commit.');
  const commitEvents = meter.histogram('wiz_journal_commit_events', 'Events of a group commit.', {
    buckets: BATCH_EVENTS,
  });
  const commitRuns = meter.histogram('wiz_journal_commit_runs', 'Runs of a group commit.', {
    buckets: BATCH_RUNS,
  });
  const storeErrors = meter.counter('wiz_store_errors_total', 'Commits that the store refused.');
  const reasons = bounded(MOST_REASONS);
  let isFailing = false;
  meter.gauge('wiz_store_failing', 'Whether the store refuses commits now.', () => [
    { value: Number(isFailing) },
  ]);

  function timer(name: string, help: string) {
    return meter.histogram(name, help, { buckets: LATENCY_SECONDS });
  }

  function attemptBegan(run: RunMachine, { processor, attempt }: AttemptStarted): void {
    attemptsStarted.add();
    const record = recordOf(findTask(run, processor), attempt);
    if (record !== undefined && record.readyMs > 0)
      dispatch.observe(seconds(record.assignedMs - record.readyMs));
  }

  function attemptEnded(run: RunMachine, { report }: AttemptEnded): void {
    const { processor, attempt, outcome, failureClass, startedUnixMs } = report!;
    const hasFailed = outcome === Outcome.FAILED;
    attemptsEnded.add({
      outcome: hasFailed ? 'failed' : 'succeeded',
      failure_class: hasFailed ? FailureClass[failureClass].toLowerCase() : '',
    });
    const task = findTask(run, processor);
    const record = recordOf(task, attempt);
    // One that was lost, or never began, has no start.
    if (record === undefined || startedUnixMs === 0) return;
    start.observe(seconds(startedUnixMs - record.assignedMs));
    const before = attempt === 1 ? lastNeedEnded(run, task!) : 0;
    if (before > 0) step.observe(seconds(startedUnixMs - before));
  }

  return {
    created: () => started.add({ how: 'created' }),
    journaled(commits, durationMs) {
      commitTime.observe(seconds(durationMs));
      commitEvents.observe(commits.reduce((sum, { events }) => sum + events.length, 0));
      commitRuns.observe(commits.length);
    },
    storeFailing(error) {
      isFailing = error !== undefined;
      if (isFailing) storeErrors.add();
    },
    committed(run, events) {
      for (const { event } of events) {
        if (event.case === 'attemptStarted') attemptBegan(run, event.value);
        else if (event.case === 'attemptEnded') attemptEnded(run, event.value);
        else if (event.case === 'processorReused') reused.add();
        else if (event.case === 'runAdopted') started.add({ how: 'adopted' });
        else if (event.case === 'runResumed') started.add({ how: 'resumed' });
        else if (event.case === 'runEnded') {
          ended.add({
            state: RunState[event.value.state].toLowerCase(),
            reason: reasons(event.value.reason),
          });
        }
      }
    },
  };
}

/** Reasons are an open set, and labels must not be. */
const MOST_REASONS = 30;

/** The first so many values as they are, and `other` for more. */
export function bounded(most: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.size < most) known.add(value);
    return known.has(value) ? value : 'other';
  };
}

/** Clocks of machines differ: what would be negative took no time that could be measured. */
function seconds(ms: number): number {
  return Math.max(0, ms) / 1000;
}

function recordOf(task: Task | undefined, attempt: number): AttemptRecord | undefined {
  const last = task?.attempts[task.attempts.length - 1];
  return last?.attempt === attempt ? last : undefined;
}

/** Needs that are looked at: of a processor with thousands, each attempt would be as dear as they are many. */
const MOST_NEEDS = 16;

/** When the last need of a task ended, by the clock of its executor; 0 is unknown. */
function lastNeedEnded(run: RunMachine, { node }: Task): number {
  const { needs } = node.spec;
  if (needs.length === 0 || needs.length > MOST_NEEDS) return 0;
  let last = 0;
  for (const name of needs) {
    const { attempts } = run.graph.getNodeAttributes(name);
    const report = attempts[attempts.length - 1]?.report;
    // Reused or skipped, or with instances of its own: it did not end when its dependents were let go by it.
    if (report === undefined) return 0;
    last = Math.max(last, report.endedUnixMs);
  }
  return last;
}
