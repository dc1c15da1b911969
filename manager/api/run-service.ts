import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { WizError } from '../../proto/error.ts';
import { type Event, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { TraceContext } from '../../proto/gen/wiz/v1/executors_pb.js';
import type {
  RetryRunRequest,
  Run,
  RunService,
  StartRunRequest,
  WatchRunRequest,
  WatchRunResponse,
} from '../../proto/gen/wiz/v1/runs_pb.js';
import { cancelElsewhere } from '../commands.ts';
import type { Resumption } from '../engine/events.ts';
import type { RunMachine } from '../engine/run.ts';
import { withDownstream } from '../graph/run-graph.ts';
import { readRun, rowOf } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { traceOfCall } from '../observe/call-trace.ts';
import { parseSpec } from '../spec/complete.ts';
import { nearest } from '../spec/nearest.ts';
import type { PipelineSpec } from '../spec/spec.ts';
import { type NewRun, startRun } from '../start-run.ts';
import type { RunFilter, RunRow } from '../store/store.ts';
import { adHocSpec } from './ad-hoc.ts';
import { streaming, unary } from './errors.ts';
import { hookWarnings } from './hook-service.ts';
import { streamLogs } from './log-stream.ts';
import { getManifest } from './manifest-stream.ts';
import { findPipeline, parseFiles } from './pipeline-service.ts';
import { resumeSpec, whatToResume } from './resume.ts';
import { resumeElsewhere } from './resume-elsewhere.ts';
import { processorsNamed, processorsOf, runOf } from './run-view.ts';
import { tailsOf } from './tails.ts';

/** Runs: started, watched, cancelled, gone on with. */
export function runService(manager: Manager): ServiceImpl<typeof RunService> {
  const { store, loop, watchers } = manager;

  async function* watch(request: WatchRunRequest, context: HandlerContext): AsyncGenerator<WatchRunResponse> {
    const { runId } = await findRun(manager, request.runId);
    const events = watchers.watch(runId, request.afterSeq, context.signal);
    const stream = request.logTails ? tailsOf(manager, runId, events, context.signal) : withoutTails(events);
    yield* stream;
  }

  return {
    startRun: unary(async (request, context: HandlerContext) => {
      const trouble = manager.trouble();
      if (trouble !== undefined) throw trouble;
      const { spec, version } = await specOf(manager, request);
      return {
        run: runOf(
          await startRun(manager, { ...given(request), spec, version, trace: traceOfCall(context) }),
        ),
      };
    }),
    getRun: unary(async ({ runId, summary, instancesOf }) => {
      const row = await findRun(manager, runId);
      const [about, run] = await Promise.all([
        hookWarnings(manager, row.runId),
        summary ? undefined : readRun(store, row.runId),
      ]);
      const withHooks = (shown: Run) => ({ ...shown, warnings: [...shown.warnings, ...about] });
      if (run === undefined) return { run: withHooks(runOf(row)), processors: [] };
      // The journal may be ahead of the row that was read before it.
      return {
        run: withHooks(runOf({ ...rowOf(run), managerId: row.managerId })),
        processors: instancesOf === '' ? processorsOf(run) : processorsNamed(run, instancesOf),
        ...(run.outputs !== undefined && { outputs: run.outputs }),
      };
    }),
    listRuns: unary(async ({ pipeline, states, pageSize, pageToken }) => {
      if (pageSize > 1000) throw new WizError('invalid_argument', 'A page holds at most 1000 runs.');
      const limit = pageSize || 50;
      const filter: RunFilter = { limit };
      if (pipeline !== '') filter.pipeline = pipeline;
      if (states.length > 0) filter.states = states;
      if (pageToken !== '') filter.beforeRunId = pageToken;
      const rows = await store.listRuns(filter);
      return { runs: rows.map(runOf), nextPageToken: rows.length === limit ? rows.at(-1)!.runId : '' };
    }),
    watchRun: streaming(watch),
    cancelRun: unary(async ({ runId, message }) => {
      const row = await findRun(manager, runId);
      if (row.state !== RunState.RUNNING) {
        throw new WizError('failed_precondition', `Run ${row.runId} has already ended.`);
      }
      if (loop.runs.has(row.runId)) {
        loop.cancel(row.runId, message);
        await loop.settled();
        const now = await store.getRun(row.runId);
        // Unless it was given to another manager just then.
        if (now?.cancelRequested || now?.state !== RunState.RUNNING) return { run: runOf(now ?? row) };
      }
      const living = await manager.membership.living();
      if (row.managerId === null || !living.includes(row.managerId)) await manager.background.ensure();
      return { run: runOf(await cancelElsewhere(manager, row, message)) };
    }),
    retryRun: unary((request, context: HandlerContext) => retry(manager, request, traceOfCall(context))),
    planRun: unary(async ({ start }) => (await import('./plan.ts')).planRun(manager, start)),
    streamLogs: streaming((request, context: HandlerContext) => streamLogs(manager, request, context.signal)),
    listStaging: unary(async (request) => ({
      folders: await (await import('./staging.ts')).listStaging(manager, request),
    })),
    pruneRuns: unary(async (request) => (await import('./prune.ts')).pruneRuns(manager, request)),
    getManifest: streaming((request) => getManifest(manager, request)),
  };
}

/** What a request says about a run beside its pipeline. */
export function given(request: StartRunRequest): Omit<NewRun, 'spec' | 'version'> {
  const { params, context, parentContext, labels, detach, noCache, runId } = request;
  return { params, context, parentContext, labels, detach, noCache, runId };
}

/** By the events that it tells, while somebody holds them. */
const responses = new WeakMap<Event[], WatchRunResponse>();

async function* withoutTails(events: AsyncIterable<Event[]>): AsyncGenerator<WatchRunResponse> {
  for await (const batch of events) {
    let response = responses.get(batch);
    if (response === undefined) {
      response = { $typeName: 'wiz.v1.WatchRunResponse', events: batch, tails: [] };
      responses.set(batch, response);
    }
    yield response;
  }
}

/** A run by its id, a prefix that only it has, or "latest". Throws WizError not_found or invalid_argument. */
export async function findRun(manager: Manager, runId: string): Promise<RunRow> {
  if (runId === '')
    throw new WizError('invalid_argument', 'Which run? Give its id, the start of it, or "latest".');
  const rows = await manager.store.findRuns(runId, 2);
  if (rows.length === 1 || runId === 'latest') {
    if (rows[0] !== undefined) return rows[0];
    throw new WizError('not_found', 'There are no runs yet.');
  }
  if (rows.length === 0) {
    throw new WizError('not_found', `There is no run "${runId}". wiz runs list shows what there is.`);
  }
  throw new WizError('invalid_argument', `More than one run starts with "${runId}". Give more of its id.`);
}

/** The pipeline that a request names. Throws WizError. */
export async function specOf(
  manager: Manager,
  request: StartRunRequest,
): Promise<{ spec: PipelineSpec; version: number }> {
  const { case: kind, value } = request.target;
  switch (kind) {
    case 'pipeline': {
      const found = await findPipeline(manager, value, request.version);
      return { spec: parseSpec(found.specJson), version: found.version };
    }
    case 'file': {
      const parsed = (await parseFiles(manager, [value])).map(({ spec }) => spec);
      return { spec: chooseSpec(parsed, request.name, value.path), version: 0 };
    }
    case 'adHoc':
      return { spec: adHocSpec(value), version: 0 };
    case undefined:
      throw new WizError('invalid_argument', 'What is to run? Give a pipeline, a file or a program.');
  }
}

/** The pipeline of a file that a name chooses; the only one when no name is given. */
export function chooseSpec(specs: PipelineSpec[], name: string, path: string): PipelineSpec {
  const names = specs.map((spec) => spec.name);
  if (name === '' && specs.length === 1) return specs[0]!;
  const chosen = specs.find((spec) => spec.name === name);
  if (chosen !== undefined) return chosen;
  const near = nearest(name, names);
  const problem =
    name === '' ? `${path} holds ${specs.length} pipelines` : `${path} holds no pipeline "${name}"`;
  const hint =
    near === undefined ? `Choose one with --name: ${names.join(', ')}.` : `Did you mean "${near}"?`;
  throw new WizError('invalid_argument', `${problem}. ${hint}`);
}

async function retry(manager: Manager, request: RetryRunRequest, trace: TraceContext | undefined) {
  const { store } = manager;
  const row = await findRun(manager, request.runId);
  if (row.state === RunState.RUNNING) {
    throw new WizError('failed_precondition', `Run ${row.runId} goes on. Cancel it, or wait for its end.`);
  }
  // Everything is checked on a copy first: a wrong name must not reopen the run.
  const before = await readRun(store, row.runId);
  const edited = request.file === undefined ? undefined : await editedSpec(manager, request, before);
  const processors = whatToResume(before, request.from, edited);
  const specJson = edited === undefined ? '' : JSON.stringify(edited);
  const resumed = { processors, specJson, from: request.from, trace };
  const run = manager.sharing.keeps(row.runId, request.detach)
    ? await resumeHere(manager, row.runId, resumed)
    : await resumeElsewhere(manager, row.runId, resumed);
  if (run === undefined) {
    throw new WizError('failed_precondition', `Run ${row.runId} is being gone on with by another manager.`);
  }
  if (request.detach) await manager.background.ensure();
  return { run: runOf((await store.getRun(row.runId))!), processors: affected(run, processors) };
}

/** Undefined when another manager has it. */
async function resumeHere(
  { claim, loop, fleet }: Manager,
  runId: string,
  resumption: Resumption,
): Promise<RunMachine | undefined> {
  const run = await claim(runId);
  if (run === undefined) return undefined;
  loop.resume(runId, resumption);
  await loop.settled();
  fleet.ensure();
  return run;
}

function affected(run: RunMachine, processors: string[]): string[] {
  const all = withDownstream(run.graph, processors);
  return run.spec.processors.map(({ name }) => name).filter((name) => all.has(name));
}

async function editedSpec(
  manager: Manager,
  request: RetryRunRequest,
  before: RunMachine,
): Promise<PipelineSpec> {
  const file = request.file!;
  const specs = (await parseFiles(manager, [file])).map(({ spec }) => spec);
  return resumeSpec(chooseSpec(specs, specs.length > 1 ? before.pipeline : '', file.path), before);
}
