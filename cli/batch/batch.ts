/**
 * `wiz run --each`: one run for each param set, so many at once, and a line for each in the order of the sets.
 *
 * The first Ctrl-C cancels the runs that go on and starts no more; the second, SIGTERM and SIGHUP leave them to a
 * background manager, as with one run.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { dataJson } from '../../proto/data.ts';
import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { StartRunRequestSchema } from '../../proto/gen/wiz/v1/runs_pb.js';
import type { Api } from '../api.ts';
import { BY_CTRL_C, whenTold } from '../attend.ts';
import { failureOf } from '../failure.ts';
import { followRun } from '../follow.ts';
import { note, onBrokenPipe, write } from '../output.ts';
import { instanceName } from '../render/instances.ts';
import { type Paint, paintFor } from '../render/paint.ts';
import { runPaint } from '../render/runs.ts';
import { count, cut, duration, oneLine, RUN_STATE } from '../render/words.ts';
import { RUN_FAILED } from '../usage.ts';
import { paramText } from './check-params.ts';
import type { ParamSet } from './param-sets.ts';

export interface Batch {
  /** What every run has; a param of a set wins over one of these. */
  request: MessageInitShape<typeof StartRunRequestSchema>;
  sets: ParamSet[];
  /** Runs at once. */
  width: number;
  json: boolean;
}

interface Result {
  /** Empty when it could not be started. */
  runId: string;
  state: RunState;
  reason: string;
  message: string;
  tookMs: number;
  outputs: object;
}

/** Returns the exit code: 0 when all succeeded. */
export async function runBatch(api: Api, batch: Batch): Promise<number> {
  const { sets, width } = batch;
  const going = new Set<string>();
  let next = 0;
  let stopped = false;
  const stop = () => {
    stopped = true;
    for (const runId of going) api.runs.cancelRun({ runId, message: BY_CTRL_C }).catch(() => {});
  };
  using leaving = whenTold({
    cancel() {
      note(`wiz: Cancelling. Ctrl-C again leaves what goes on to ${api.keeper}.`);
      stop();
    },
  });
  onBrokenPipe(() => {});
  const printer = resultPrinter(batch);
  const worker = async () => {
    while (!stopped && next < sets.length) {
      const index = next++;
      const result = await runOne(api, batch, sets[index]!, {
        started(runId) {
          going.add(runId);
          // It was being started when Ctrl-C came.
          if (stopped) stop();
        },
        signal: leaving.signal,
      });
      if (!result) return;
      going.delete(result.runId);
      await printer.print(index, result);
    }
  };
  const workers = Promise.all(
    Array.from({ length: Math.min(width, sets.length) }, () =>
      worker().catch((error) => {
        stopped = true;
        throw error;
      }),
    ),
  );
  const left = await Promise.race([workers.then(() => undefined), leaving.exitCode]);
  if (left !== undefined) {
    stopped = true;
    workers.catch(() => {});
    note(
      `wiz: ${count(going.size, 'run goes', 'runs go')} on without this terminal: wiz runs list --state running`,
    );
    await api.close({ handOver: true });
    return left;
  }
  return printer.finish();
}

/** Undefined when this process leaves it. */
async function runOne(
  api: Api,
  { request, json }: Batch,
  set: ParamSet,
  to: { started(runId: string): void; signal: AbortSignal },
): Promise<Result | undefined> {
  const texts = Object.entries(set).map(([name, value]) => [name, paramText(value)]);
  const params = { ...request.params, ...Object.fromEntries(texts) };
  let runId: string;
  try {
    runId = (await api.runs.startRun({ ...request, params })).run!.runId;
  } catch (error) {
    // What is wrong with these params is theirs alone; that nothing can be reached is everyone's.
    const { code, message, exitCode } = failureOf(error);
    if (!(error instanceof ConnectError) || exitCode !== 2) throw error;
    return { runId: '', state: RunState.FAILED, reason: code, message, tookMs: 0, outputs: {} };
  }
  to.started(runId);
  const ended = await endOf(api, runId, to.signal);
  if (!ended) return undefined;
  return { runId, ...ended, outputs: json ? await outputsOf(api, runId) : {} };
}

async function endOf(
  api: Api,
  runId: string,
  signal: AbortSignal,
): Promise<Omit<Result, 'runId' | 'outputs'> | undefined> {
  let created = 0;
  try {
    for await (const { events } of followRun(api.runs, { runId, afterSeq: 0, logTails: false }, signal)) {
      for (const { event, unixMs } of events) {
        if (event.case === 'runCreated') created = unixMs;
        if (event.case !== 'runEnded') continue;
        const { state, reason, message } = event.value;
        return { state, reason, message, tookMs: unixMs - created };
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return undefined;
}

/** What the processors gave that no other needs, and what the run keeps. */
async function outputsOf(api: Api, runId: string): Promise<object> {
  const { processors, outputs } = await api.runs.getRun({ runId });
  const needed = new Set(processors.flatMap(({ needs }) => needs));
  const values: [string, unknown][] = [];
  for (const { name, output, instances, state } of processors) {
    if (needed.has(name)) continue;
    if (output) values.push([name, outputValue(output)]);
    else if (instances && state === ProcessorState.SUCCEEDED)
      values.push([name, await joined(api, runId, name)]);
  }
  return {
    outputs: Object.fromEntries(values),
    ...(outputs?.files.length && {
      files: outputs.files.map(({ path, file }) => ({ path, hash: file?.hash, size: file?.size })),
    }),
    ...(outputs?.records.length && { records: outputs.records.map(({ table, rows }) => ({ table, rows })) }),
  };
}

/** The outputs of all instances, in order. */
async function joined(api: Api, runId: string, name: string): Promise<unknown[]> {
  const { processors } = await api.runs.getRun({ runId, instancesOf: name });
  const instances = processors.filter((one) => instanceName(one.name)?.processor === name);
  return instances.map(({ output }) => (output ? outputValue(output) : null));
}

/** As expressions see it; what is too large to be a value is named by its hash. */
function outputValue(output: Data): unknown {
  if (output.value.case !== 'file') return JSON.parse(dataJson(output));
  const { hash, size } = output.value.value;
  return { file: { hash, size } };
}

/** Prints results in the order of the sets, each as soon as those before it are printed. */
function resultPrinter({ sets, json }: Batch) {
  const waiting = new Map<number, Result>();
  const states = { [RunState.SUCCEEDED]: 0, [RunState.FAILED]: 0 } as Record<RunState, number>;
  const paint = paintFor(process.stdout);
  let printed = 0;
  return {
    async print(index: number, result: Result): Promise<void> {
      waiting.set(index, result);
      states[result.state]++;
      const lines: string[] = [];
      for (let ready = waiting.get(printed); ready; ready = waiting.get(printed)) {
        const line = json ? jsonLine : textLine;
        lines.push(line(printed, sets, ready, paint));
        waiting.delete(printed++);
      }
      if (lines.length > 0) await write(process.stdout, `${lines.join('\n')}\n`);
    },
    finish(): number {
      const done = states[RunState.SUCCEEDED] + states[RunState.FAILED];
      const parts = [
        `${states[RunState.SUCCEEDED].toLocaleString('en')} succeeded`,
        states[RunState.FAILED] > 0 && `${states[RunState.FAILED].toLocaleString('en')} failed`,
        done < sets.length && `${(sets.length - done).toLocaleString('en')} not started`,
      ];
      if (!json) note(`${count(sets.length, 'run')}: ${parts.filter(Boolean).join(', ')}`);
      return states[RunState.SUCCEEDED] === sets.length ? 0 : RUN_FAILED;
    },
  };
}

const PARAMS_COLUMNS = 60;

function textLine(index: number, sets: ParamSet[], result: Result, paint: Paint): string {
  const { runId, state, reason, message, tookMs } = result;
  const number = String(index).padStart(String(sets.length - 1).length);
  const word = runPaint(state, paint)(RUN_STATE[state].padEnd(9));
  const why = state === RunState.SUCCEEDED ? '' : [reason, oneLine(message)].filter(Boolean).join(': ');
  const took = runId === '' ? '' : duration(tookMs);
  const params = paint.dim(cut(JSON.stringify(sets[index]), PARAMS_COLUMNS));
  return [number, word, took.padStart(6), runId, params, why].filter(Boolean).join('  ');
}

function jsonLine(
  index: number,
  sets: ParamSet[],
  { runId, state, reason, message, outputs }: Result,
): string {
  return JSON.stringify({
    index,
    run: runId,
    state: RUN_STATE[state],
    reason,
    ...(message && { message }),
    params: sets[index],
    outputs: {},
    ...outputs,
  });
}
