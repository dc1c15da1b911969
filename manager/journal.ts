import { WizError } from '../proto/error.ts';
import type { Event } from '../proto/gen/wiz/v1/events_pb.js';
import { evolve } from './engine/evolve.ts';
import { newRunMachine, type RunMachine } from './engine/run.ts';
import type { RunRow, Store } from './store/store.ts';

/** Events read at once when a run is rebuilt. */
const PAGE = 20_000;

/** The row of a run as it stands. */
export function rowOf(run: RunMachine): RunRow {
  return {
    runId: run.runId,
    pipeline: run.pipeline,
    version: run.version,
    state: run.state,
    reason: run.reason,
    message: run.message,
    createdMs: run.createdMs,
    endedMs: run.endedMs,
    labels: run.labels,
    paramsJson: run.paramsJson,
    idle: run.idle,
    running: run.running,
    failed: run.failed,
    succeeded: run.succeeded,
    warnings: run.warnings,
    cancelRequested: run.cancelRequested,
    seq: run.seq,
    managerId: run.managerId,
    epoch: run.epoch,
  };
}

/** A run as its journal tells it. Throws WizError internal when the journal is empty. */
export async function readRun(store: Store, runId: string, owner?: { managerId: string; epoch: number }) {
  let run: RunMachine | undefined;
  for (;;) {
    const events: Event[] = await store.readEvents(runId, run?.seq ?? 0, PAGE);
    if (events.length === 0) break;
    for (const event of events) {
      if (run === undefined) run = newRunMachine(event, null, 1);
      else evolve(run, event);
    }
  }
  if (run === undefined) throw new WizError('internal', `The journal of run ${runId} is empty.`);
  if (owner !== undefined) Object.assign(run, owner);
  return run;
}
