import { WizError } from '../proto/error.ts';
import { type Event, RunState, type RunTrigger } from '../proto/gen/wiz/v1/events_pb.js';
import type { TraceContext } from '../proto/gen/wiz/v1/executors_pb.js';
import { newId, timeOfId } from '../proto/ids.ts';
import { spanOfTrace } from '../proto/trace-context.ts';
import { processorTypes } from './api/processor-types.ts';
import { newRunMachine, type RunMachine } from './engine/run.ts';
import { rowOf } from './journal.ts';
import type { Manager } from './manager.ts';
import { fixMacros, hasMacros } from './spec/macros.ts';
import { resolveParams } from './spec/params.ts';
import { recheckCalls } from './spec/recheck.ts';
import type { PipelineSpec } from './spec/spec.ts';
import type { StartedRun } from './store/schedules.ts';
import type { RunRow } from './store/store.ts';
import { ownTimeZone } from './time-zone.ts';

export interface NewRun {
  spec: PipelineSpec;
  /** 0 for what was never applied. */
  version: number;
  params: Record<string, string>;
  context: Record<string, string>;
  /** Of the run that this one is started from. */
  parentContext: Record<string, string>;
  labels: Record<string, string>;
  /** Left for the background manager; daemons share all runs, whatever this says. */
  detach: boolean;
  /** Nothing is taken from the cache. */
  noCache: boolean;
  /** Made by the caller; empty: one is made here. */
  runId: string;
  /** What it is a child of, for whoever traces it. */
  trace?: TraceContext | undefined;
  /** What starts it by itself; its time is that of the macros. */
  trigger?: Omit<RunTrigger, '$typeName'>;
}

/** Creates a run, durable when this resolves, and sets it going. Throws WizError invalid_argument for params, and
 *  whatever the store says when it cannot keep it. */
export async function startRun(manager: Manager, start: NewRun): Promise<RunRow> {
  const { run, created } = await buildRun(manager, start);
  const stored = newlyStored(manager, run, created, start.detach);
  const { row, events, managerId, deliveries } = stored;
  try {
    await manager.store.createRun(row, events, managerId, deliveries);
  } catch (error) {
    const before = start.runId === '' ? undefined : await manager.store.getRun(start.runId);
    if (before === undefined) throw error;
    // Started by an earlier call whose answer the caller did not get.
    if (error instanceof WizError && error.code === 'already_exists') return before;
    // Stored now, though the store did not say so.
  }
  await begin(manager, run, stored);
  return row;
}

/** What is stored of a run that begins, whose owner it has from here on. */
export function newlyStored(manager: Manager, run: RunMachine, created: Event, detach: boolean): StartedRun {
  const { sharing, hooks, managerId } = manager;
  run.managerId = sharing.keeps(run.runId, detach) ? managerId : null;
  return {
    row: { ...rowOf(run), state: RunState.RUNNING },
    events: [created],
    managerId: run.managerId,
    deliveries: hooks.deliveriesOf(run, [created]) ?? [],
  };
}

/** Sets a run going that is stored. One that is not this manager's is another daemon's, which sees it at once, or for the
 *  background manager. */
export async function begin(
  manager: Manager,
  run: RunMachine,
  { row, deliveries }: StartedRun,
): Promise<void> {
  manager.observer?.created({ ...row, traceId: spanOfTrace(run.trace)?.traceId });
  if (deliveries.length > 0) manager.hooks.wake();
  if (run.managerId === null) return manager.background.ensure();
  manager.loop.add(run, { adopted: false });
  manager.fleet.ensure();
}

/** A run with its params checked and its macros fixed, of which nothing is stored yet and that nobody owns. Throws WizError
 *  invalid_argument. */
export async function buildRun(
  manager: Manager,
  start: NewRun,
): Promise<{ run: RunMachine; created: Event }> {
  const nowMs = Date.now();
  const runId = start.runId === '' ? newId() : checkedRunId(start.runId, nowMs);
  const params = resolveParams(start.spec, start.params);
  const { context, parentContext, trigger } = start;
  const timeZone = ownTimeZone();
  const spec = fixMacros(start.spec, {
    params,
    context,
    parentContext,
    runId,
    nowMs: trigger?.scheduledUnixMs ?? nowMs,
    timeZone,
  });
  if (start.spec.processors.some(({ action }) => action.kind === 'call' && hasMacros(action.with))) {
    await recheckCalls(start.spec, spec, await processorTypes(manager));
  }
  const created: Event = {
    $typeName: 'wiz.v1.Event',
    seq: 1,
    unixMs: nowMs,
    event: {
      case: 'runCreated',
      value: {
        $typeName: 'wiz.v1.RunCreated',
        runId,
        pipeline: spec.name,
        version: start.version,
        specJson: JSON.stringify(spec),
        paramsJson: JSON.stringify(params),
        context: spec.context,
        labels: { ...spec.labels, ...start.labels },
        noCache: start.noCache,
        ...(start.trace !== undefined && { trace: start.trace }),
        ...(trigger !== undefined && { trigger: { $typeName: 'wiz.v1.RunTrigger', ...trigger } }),
      },
    },
  };
  return { run: newRunMachine(created, null, 1, spec), created };
}

/** Milliseconds that the time in an id of a caller may be off: sorted by id is sorted by time. */
const ID_OFF_MS = 300_000;

/** Throws WizError invalid_argument. */
function checkedRunId(runId: string, nowMs: number): string {
  const madeMs = timeOfId(runId);
  if (madeMs === undefined) {
    throw new WizError('invalid_argument', `"${runId}" is no id of a run: that is a KSUID of 27 characters.`);
  }
  if (Math.abs(madeMs - nowMs) <= ID_OFF_MS) return runId;
  const minutes = Math.round(Math.abs(madeMs - nowMs) / 60_000);
  throw new WizError(
    'failed_precondition',
    `The clock of the caller is ${minutes} minutes ${madeMs > nowMs ? 'ahead of' : 'behind'} the manager's. Set both.`,
  );
}
