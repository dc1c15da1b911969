import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { AttemptRequest, AttemptSink, RunningAttempt } from './attempt.ts';
import type { AttemptFolder, createAttemptFolders } from './attempt-folder.ts';
import { createAttemptLog } from './attempt-log.ts';
import { BadEnvironment, type createEnvironments, type ProgramEnvironment } from './environment.ts';
import { OUTPUT_WINDOW, type ProgramExit } from './frames.ts';
import { type createProgramLookup, explainRefusal, isPlainScript, type StartFailure } from './lookup.ts';
import { type CommandPlace, commandOf, type ProgramCommand, relocated } from './program-command.ts';
import { OutputFailure, outputOfStdout, readContextFile, readOutputFile } from './program-output.ts';
import { type Ending, failed, failureOf, reportOf, stopped } from './program-report.ts';
import { createProgressReader } from './progress.ts';
import type { SpawnedHandle, SpawnerClient } from './spawner-client.ts';
import type { AttemptIdentity } from './sweep.ts';

/**
 * One attempt at a native program:
 *   starting   everything is made ready and handed to the spawner; what cannot start is reported at once
 *   running    output flows to the sink; progress is polled by the runner
 *   stopping   the time is over or it was cancelled: SIGTERM went to the group, SIGKILL follows the grace.
 *              However it ends from here on, it is Failed with that reason, and what left its group is swept
 *   exited     the sink still takes output
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
  stagingOf(runId: string): string;
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
  const log = createAttemptLog(identity, sink, taken);
  const staging = rooms.stagingOf(runId);
  const workdir = assignment.workdir === '' ? staging : assignment.workdir;
  const folder = rooms.folders.acquire(assignment.inputJson);
  const progress = createProgressReader(folder.progress);
  let state: 'starting' | 'running' | 'stopping' | 'exited' | 'ended' = 'starting';
  let stopCause: StartFailure | undefined;
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
      if (news !== undefined) sink.progress(news.fraction, news.message);
    },
  };

  function begin(): void {
    const environment = environmentOf();
    if ('reason' in environment) return finish(failed(environment));
    const place = { workdir, searchPath: environment.path, scriptFile: folder.script };
    const command = commandOf(assignment, place, rooms.lookup);
    if ('reason' in command) return finish(failed(command));
    spawn(command, environment, place);
    state = 'running';
    if (assignment.timeoutMs <= 0) return;
    const spawnerReady = rooms.spawner.ready();
    if (spawnerReady === undefined) waitUntil(startedMs + assignment.timeoutMs);
    else spawnerReady.then(() => waitUntil(Date.now() + assignment.timeoutMs));
  }

  function environmentOf(): ProgramEnvironment | StartFailure {
    const names = {
      WIZ_EXECUTOR_ID: rooms.executorId,
      WIZ_RUN_ID: runId,
      WIZ_PIPELINE: request.pipeline,
      WIZ_PROCESSOR: processor,
      WIZ_ATTEMPT: String(attempt),
      WIZ_INPUT: folder.input,
      WIZ_OUTPUT: folder.output,
      WIZ_CONTEXT: folder.context,
      WIZ_PROGRESS: folder.progress,
      WIZ_FILES: folder.files,
      WIZ_STAGING: staging,
    };
    try {
      return rooms.environments.of(request.environment, assignment.environment, names);
    } catch (error) {
      if (error instanceof BadEnvironment) return { reason: 'bad-environment', message: error.message };
      throw error;
    }
  }

  function spawn(command: ProgramCommand, environment: ProgramEnvironment, place: CommandPlace): void {
    const { own: env, base: baseEnv } = environment;
    handle = rooms.spawner.spawn(
      { path: command.file, cwd: workdir, argv: command.argv, env, baseEnv },
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
    if (state !== 'running') return;
    const left = deadline - Date.now();
    if (left > LONGEST_TIMER_MS) {
      timer = setTimeout(waitUntil, LONGEST_TIMER_MS, deadline);
      return;
    }
    const message = `still ran after its time-out of ${assignment.timeoutMs / 1000} s`;
    timer = setTimeout(stop, Math.max(0, left), { reason: 'timeout', message });
  }

  function stop(cause: StartFailure): void {
    if (state !== 'running') return;
    state = 'stopping';
    stopCause = cause;
    clearTimeout(timer);
    handle?.signal(os.constants.signals.SIGTERM);
    const graceMs = assignment.graceMs > 0 ? assignment.graceMs : DEFAULT_GRACE_MS;
    const kill = () => handle?.signal(os.constants.signals.SIGKILL);
    timer = setTimeout(kill, Math.min(graceMs, LONGEST_TIMER_MS));
  }

  function exited(exit: ProgramExit): void {
    const draining = log.drained();
    if (stopCause === undefined && draining === undefined) return finish(endingOf(exit), exit);
    state = 'exited';
    clearTimeout(timer);
    const swept = stopCause === undefined ? undefined : rooms.sweep(identity);
    Promise.all([swept, draining]).then(() => finish(endingOf(exit), exit));
  }

  function lost(message: string): void {
    state = 'exited';
    clearTimeout(timer);
    Promise.all([rooms.sweep(identity), log.drained()]).then(() =>
      finish(failed({ reason: 'lost', message, infra: true })),
    );
  }

  function endingOf(exit: ProgramExit): Ending {
    if (stopCause !== undefined) return stopped(stopCause, exit);
    return failureOf(exit) ?? succeeded();
  }

  function succeeded(): Ending {
    try {
      const { out, files } = folder.touched();
      const context = out ? readContextFile(folder.context) : {};
      const written = out ? readOutputFile(folder.output) : undefined;
      if (files) keepFiles(folder, path.join(staging, 'files', processor));
      const output = written ?? outputOfStdout(log.stdoutHead(), log.bytes('stdout'));
      return { outcome: Outcome.SUCCEEDED, output, context };
    } catch (error) {
      if (error instanceof OutputFailure) return failed(error);
      const message = `what it left could not be read: ${(error as Error).message}`;
      // Gone, or another kind of thing, while the folder around it is there: the program did that, and would again.
      const { code = '' } = error as NodeJS.ErrnoException;
      const own = ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(code) && fs.existsSync(path.dirname(folder.input));
      return failed({ reason: 'output-unreadable', message, infra: !own });
    }
  }

  function finish(ending: Ending, exit?: ProgramExit): void {
    state = 'ended';
    clearTimeout(timer);
    const mayStillWrite = exit === undefined || exit.leftovers || stopCause !== undefined;
    folder.release(!mayStillWrite);
    done.resolve(reportOf(assignment, ending, exit, log, startedMs));
  }
}

/** Until files have a store, they stay with the run's staging folder; a later attempt replaces them. */
function keepFiles(folder: AttemptFolder, kept: string): void {
  fs.rmSync(kept, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(kept), { recursive: true, mode: 0o700 });
  fs.renameSync(folder.files, kept);
}
