import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import { Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { actionOf } from '../engine/assignment.ts';
import type { ReadyAction } from '../engine/preparation.ts';
import { report } from '../engine/run.fixture.ts';
import type { RunMachine } from '../engine/run.ts';
import {
  applyPrepared,
  attemptReported,
  failUnstarted,
  settleRun,
  startAttempt,
} from '../engine/transitions.ts';
import type { Task } from '../graph/processor-node.ts';
import type { CacheEntry } from '../store/store.ts';
import type { Preparer } from './preparer.ts';

export interface Driven {
  /** Tasks that were executed, in order. */
  executed: string[];
}

/**
 * A run from its beginning to its end without loop, executor or journal: everything that is due is prepared, everything
 * that is ready is executed by `execute`, and what a cache may keep is handed to `keep`.
 */
export async function drive(
  run: RunMachine,
  preparer: Preparer,
  execute: (task: Task, action: ReadyAction) => Partial<Report> | Promise<Partial<Report>>,
  keep: (entry: CacheEntry) => void = () => {},
): Promise<Driven> {
  const driven: Driven = { executed: [] };
  for (;;) {
    const due = [...run.due].filter(({ preparation }) => preparation === 'due');
    for (const task of due) task.preparation = 'asked';
    const answers = await Promise.all(preparer.prepare(run, due));
    for (const [n, task] of due.entries()) {
      applyPrepared(run, task, answers[n]!, 0);
    }
    const task = run.ready.take('program') ?? run.ready.take('call');
    if (task !== undefined) await attempt(task);
    else if (due.length === 0) break;
  }
  settleRun(run, 0, { kind: 'kept', files: [], records: [] });
  return driven;

  async function attempt(task: Task): Promise<void> {
    const action = actionOf(run, task);
    if ('kind' in action) return failUnstarted(run, task, action, 0);
    startAttempt(run, task, 'executor', 0, action.inputs);
    driven.executed.push(task.name);
    const done = report(task.name, task.attempt, await execute(task, action));
    attemptReported(run, done, 'executor', run.epoch, 0, () => 0);
    if (done.outcome === Outcome.SUCCEEDED && task.cache?.key) keep(entryOf(run, task, done, action.inputs));
  }
}

function entryOf(run: RunMachine, task: Task, done: Report, inputs: File[]): CacheEntry {
  const cache = { ...task.cache!, verdict: 'reused', runId: run.runId, attempt: task.attempt };
  const { output, context, files } = done;
  return {
    key: cache.key,
    pipeline: run.pipeline,
    processor: task.name,
    runId: run.runId,
    createdMs: 0,
    result: {
      $typeName: 'wiz.v1.ProcessorReused',
      processor: task.name,
      cache,
      ...(output !== undefined && { output }),
      context,
      files,
      inputs,
    },
  };
}
