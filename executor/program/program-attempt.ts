import os from 'node:os';
import { DataForm } from '../../proto/gen/wiz/v1/data_pb.js';
import { Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { parseInstanceName } from '../../proto/instance-name.ts';
import { traceparentOf } from '../../proto/trace-context.ts';
import { AttemptFailure, failureCause } from '../data/attempt-failure.ts';
import { type AttemptInputs, prepareInputs } from '../data/attempt-inputs.ts';
import type { DataRooms } from '../data/data-rooms.ts';
import { EMPTY_INPUT } from '../data/input-document.ts';
import { type AttemptRequest, type AttemptSink, type RunningAttempt, spanOf } from './attempt.ts';
import type { createAttemptFolders } from './attempt-folder.ts';
import { createAttemptLog } from './attempt-log.ts';
import { BadEnvironment, type createEnvironments, type ProgramEnvironment } from './environment.ts';
import { OUTPUT_WINDOW, type ProgramExit, STDIN_REFUSED } from './frames.ts';
import { type createProgramLookup, explainRefusal, isPlainScript, type StartFailure } from './lookup.ts';
import { parentContextOf } from './parent-context.ts';
import { type CommandPlace, commandOf, type ProgramCommand, relocated } from './program-command.ts';
import { type Ending, failed, failureOf, reportOf, stopped } from './program-report.ts';
import { resultOf } from './program-result.ts';
import { createProgressReader } from './progress.ts';
import type { SpawnedHandle, SpawnerClient } from './spawner-client.ts';
import { createStdoutCapture } from './stdout-capture.ts';
import type { AttemptIdentity } from './sweep.ts';
import { type WrittenInput, writeInputs } from './written-input.ts';

/**
 * One attempt at a native program:
 *   preparing  files and secrets are fetched, what it reads is written; it can be stopped, and the time-out counts.
 *              Most have nothing to fetch and are past it at once
 *   running    handed to the spawner; output flows to the sink; progress is polled by the runner
 *   stopping   the time is over or it was cancelled: SIGTERM went to the group, SIGKILL follows the grace.
 *              However it ends from here on, it is Failed with that reason, and what left its group is swept
 *   exited     the sink, and the file of a large output, still take output
 *   keeping    it succeeded, and what it left goes to the file store; it can be cancelled still
 *   ended      reported
 */
export interface ProgramAttempt extends RunningAttempt {
  readonly ended: boolean;
  readonly startedMs: number;
  pollProgress(): void;
}

/** What an attempt works with; made once by the runner. */
export interface RunnerRooms {
  executorId: string;
  spawner: SpawnerClient;
  folders: ReturnType<typeof createAttemptFolders>;
  lookup: ReturnType<typeof createProgramLookup>;
  environments: ReturnType<typeof createEnvironments>;
  sweep(attempt: AttemptIdentity): Promise<void>;
  data: DataRooms;
}

/** When the assignment has no grace_ms; milliseconds. */
const DEFAULT_GRACE_MS = 10_000;
/** setTimeout takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Taken bytes that are worth a frame. */
const CREDIT_AT = OUTPUT_WINDOW / 4;

export function createProgramAttempt(
  request: AttemptRequest,
  sink: AttemptSink,
  rooms: RunnerRooms,
): ProgramAttempt {
  const { assignment, runId } = request;
  const { processor, attempt } = assignment;
  const identity = { runId, processor, attempt };
  const startedMs = Date.now();
  const done = Promise.withResolvers<Report>();
  const staging = rooms.data.staging.of(runId);
  const workdir = assignment.workdir === '' ? staging : assignment.workdir;
  const folder = rooms.folders.acquire();
  const capture = createStdoutCapture(folder.stdout);
  const log = createAttemptLog(identity, sink, capture, taken);
  const progress = createProgressReader(folder.progress);
  let aborter: AbortController | undefined; // costs 2 µs, and few have to wait for anything
  let state: 'preparing' | 'running' | 'stopping' | 'exited' | 'keeping' | 'ended' = 'preparing';
  let inputs: AttemptInputs | undefined;
  let written: WrittenInput = { bytes: 0, stdin: '' };
  let stopCause: StartFailure | undefined;
  let exit: ProgramExit | undefined;
  let handle: SpawnedHandle | undefined;
  let timer: NodeJS.Timeout | undefined; // the time-out's, then the grace's
  let untold = 0; // bytes the sink took that the spawner has not been told of

  begin();

  return {
    done: done.promise,
    startedMs,
    get ended() {
      return state === 'ended';
    },
    cancel: (reason) => stop({ reason, message: reason === 'cancelled' ? reason : `ended early: ${reason}` }),
    pollProgress() {
      const news = state === 'ended' ? undefined : progress.poll();
      if (news !== undefined) sink.progress(news.fraction, redacted(news.message));
    },
  };

  function begin(): void {
    try {
      const ready = prepareInputs(assignment, staging, rooms.data, signal);
      if (!(ready instanceof Promise) && assignment.dataForm === DataForm.UNSPECIFIED) {
        writeSmallInput(ready);
        start(ready);
        return;
      }
      if (assignment.timeoutMs > 0) waitUntil(startedMs + assignment.timeoutMs);
      prepared(ready).catch(notPrepared);
    } catch (error) {
      notPrepared(error);
    }
  }

  function signal(): AbortSignal {
    aborter ??= new AbortController();
    return aborter.signal;
  }

  async function prepared(ready: AttemptInputs | Promise<AttemptInputs>): Promise<void> {
    const given = await ready;
    inputs = given;
    written = await writeInputs(given, folder, signal());
    if (state === 'preparing') start(given);
  }

  function notPrepared(error: unknown): void {
    if (state !== 'preparing') return;
    finish(failed(failureCause(error, 'inputs-unreadable')));
  }

  /** Without values to be read from the store the document is a text. */
  function writeSmallInput(given: AttemptInputs): void {
    const document = given.document() as string;
    folder.writeInput(document);
    if (document !== EMPTY_INPUT) written.bytes = Buffer.byteLength(document);
  }

  function start(given: AttemptInputs): void {
    inputs = given;
    request.staged?.();
    const { secrets } = given;
    if (secrets !== undefined) log.redactBy(() => secrets.redactor());
    const environment = environmentOf(given);
    if ('reason' in environment) return finish(failed(environment));
    const place = { workdir, searchPath: environment.path, scriptFile: folder.script };
    const command = commandOf({ processor, action: given.action }, place, rooms.lookup);
    if ('reason' in command) return finish(failed(command));
    spawn(command, environment, place);
    state = 'running';
    if (assignment.timeoutMs <= 0 || timer !== undefined) return;
    const spawnerReady = rooms.spawner.ready();
    if (spawnerReady === undefined) waitUntil(startedMs + assignment.timeoutMs);
    else spawnerReady.then(() => waitUntil(Date.now() + assignment.timeoutMs));
  }

  function environmentOf({ environment }: AttemptInputs): ProgramEnvironment | StartFailure {
    const instance = parseInstanceName(processor);
    const parentContext = parentContextOf(request);
    const names: Record<string, string> = {
      WIZ_EXECUTOR_ID: rooms.executorId,
      WIZ_RUN_ID: runId,
      WIZ_PIPELINE: request.pipeline,
      WIZ_PROCESSOR: instance?.processor ?? processor,
      WIZ_ATTEMPT: String(attempt),
      WIZ_INPUT: folder.input,
      WIZ_OUTPUT: folder.output,
      WIZ_CONTEXT: folder.context,
      WIZ_PROGRESS: folder.progress,
      WIZ_FILES: folder.files,
      WIZ_STAGING: staging,
    };
    if (instance?.index !== undefined) names.WIZ_INDEX = String(instance.index);
    if (parentContext !== undefined) names.WIZ_PARENT_CONTEXT = parentContext;
    const span = spanOf(request);
    if (span !== undefined) names.TRACEPARENT = traceparentOf(span);
    if (span !== undefined && span.state !== '') names.TRACESTATE = span.state;
    try {
      return rooms.environments.of(request.environment, environment, names);
    } catch (error) {
      if (error instanceof BadEnvironment) return { reason: 'bad-environment', message: error.message };
      throw error;
    }
  }

  function spawn(command: ProgramCommand, environment: ProgramEnvironment, place: CommandPlace): void {
    const { own: env, base: baseEnv } = environment;
    handle = rooms.spawner.spawn(
      { path: command.file, cwd: workdir, stdin: written.stdin, argv: command.argv, env, baseEnv },
      {
        output: log.push,
        exited,
        refused: (code) => refused(code, command, environment, place),
        lost,
      },
    );
  }

  function refused(
    code: string,
    command: ProgramCommand,
    environment: ProgramEnvironment,
    place: CommandPlace,
  ): void {
    if (stopCause !== undefined) return finish(stopped(stopCause, undefined));
    if (code.startsWith(STDIN_REFUSED)) {
      const message = `its standard input could not be opened (${code.slice(STDIN_REFUSED.length)})`;
      return finish(failed({ reason: 'input-unreadable', message, infra: true }));
    }
    if (code === 'ENOEXEC' && command.file !== '/bin/sh' && isPlainScript(command.file)) {
      const argv = ['sh', command.file, ...command.argv.slice(1)];
      return spawn({ name: command.name, file: '/bin/sh', argv }, environment, place);
    }
    const again = code === 'ENOENT' ? relocated(command, place, rooms.lookup) : undefined;
    if (again !== undefined) return spawn(again, environment, place);
    finish(failed(explainRefusal(code, command.name, command.file, workdir)));
  }

  function taken(bytes: number): void {
    untold += bytes;
    if (untold < CREDIT_AT) return;
    handle?.credit(untold);
    untold = 0;
  }

  function waitUntil(deadline: number): void {
    if (state !== 'running' && state !== 'preparing') return;
    const left = deadline - Date.now();
    if (left > LONGEST_TIMER_MS) {
      timer = setTimeout(waitUntil, LONGEST_TIMER_MS, deadline);
      return;
    }
    const message = `still ran after its time-out of ${assignment.timeoutMs / 1000} s`;
    timer = setTimeout(stop, Math.max(0, left), { reason: 'timeout', message });
  }

  function stop(cause: StartFailure): void {
    if (state === 'preparing' || state === 'keeping') {
      aborter?.abort(new AttemptFailure(cause.reason, cause.message));
      stopCause = cause;
      return finish(stopped(cause, exit));
    }
    if (state !== 'running') return;
    state = 'stopping';
    stopCause = cause;
    clearTimeout(timer);
    handle?.signal(os.constants.signals.SIGTERM);
    const graceMs = assignment.graceMs > 0 ? assignment.graceMs : DEFAULT_GRACE_MS;
    const kill = () => handle?.signal(os.constants.signals.SIGKILL);
    timer = setTimeout(kill, Math.min(graceMs, LONGEST_TIMER_MS));
  }

  function exited(how: ProgramExit): void {
    exit = how;
    log.end();
    const draining = log.drained();
    if (stopCause === undefined && draining === undefined) return conclude(how);
    state = 'exited';
    clearTimeout(timer);
    const swept = stopCause === undefined ? undefined : rooms.sweep(identity);
    Promise.all([swept, draining]).then(() => conclude(how));
  }

  function lost(message: string): void {
    state = 'exited';
    clearTimeout(timer);
    log.end();
    Promise.all([rooms.sweep(identity), log.drained()]).then(() =>
      finish(failed({ reason: 'lost', message, infra: true })),
    );
  }

  function conclude(how: ProgramExit): void {
    capture.close();
    if (stopCause !== undefined) return finish(stopped(stopCause, how));
    const failure = failureOf(how);
    if (failure !== undefined) return finish(failure);
    const { secrets } = inputs!;
    const ending = resultOf(
      { folder, capture, secrets, form: assignment.dataForm, move: !how.leftovers },
      rooms.data,
    );
    if (!(ending instanceof Promise)) return finish(ending);
    state = 'keeping';
    clearTimeout(timer);
    ending.then(finish);
  }

  function redacted(text: string): string {
    return inputs?.secrets?.redactText(text) ?? text;
  }

  function finish(ending: Ending): void {
    if (state === 'ended') return;
    state = 'ended';
    clearTimeout(timer);
    capture.close();
    const mayStillWrite = exit === undefined || exit.leftovers || stopCause !== undefined;
    const alone = inputs?.secrets !== undefined || written.stdin !== '' || capture.file !== undefined;
    folder.release(!mayStillWrite && !alone);
    if (ending.outcome === Outcome.FAILED) ending.message = redacted(ending.message);
    done.resolve(reportOf(assignment, ending, { exit, log, startedMs, inputBytes: written.bytes }));
  }
}
