import fs from 'node:fs';
import path from 'node:path';
import { parseInstanceName } from '../../proto/instance-name.ts';
import type { DataRooms } from '../data/data-rooms.ts';
import type { AttemptRequest, AttemptSink, RunningAttempt } from './attempt.ts';
import { createAttemptFolders } from './attempt-folder.ts';
import { createEnvironments } from './environment.ts';
import type { SpawnerStats } from './frames.ts';
import { createProgramLookup, type StartFailure } from './lookup.ts';
import { createProgramAttempt, type ProgramAttempt, type RunnerRooms } from './program-attempt.ts';
import { reportOfRefusal } from './program-report.ts';
import type { SpawnerOptions } from './spawner-client.ts';
import { createSpawnerPool } from './spawner-pool.ts';
import { createAttemptSweeper } from './sweep.ts';

export interface ProgramRunnerOptions {
  executorId: string;
  /** Folder of this runner alone, made when missing and removed by close(): attempts/ has the folders behind
   *  the WIZ_ files. */
  folder: string;
  data: DataRooms;
  /** See SpawnerOptions; a bundle has to give `entry`. */
  spawner?: SpawnerOptions;
  /** The environment that programs inherit. Default: process.env as it is now. */
  environment?: NodeJS.ProcessEnv;
}

/** Carries out the attempts that are native programs: assignments with a Program or a Script. */
export interface ProgramRunner {
  start(request: AttemptRequest, sink: AttemptSink): RunningAttempt;
  /** Starts the spawner now, so that the first program does not wait for it (about 60 ms). */
  warm(): void;
  stats(): Promise<SpawnerStats>;
  /** Kills what runs (its report is `lost`, infra), ends the spawner, removes the folder. */
  close(): Promise<void>;
}

/** How often WIZ_PROGRESS is looked at, and from which age of a program on; milliseconds. */
const PROGRESS_EVERY_MS = 500;
const PROGRESS_FROM_MS = 250;

export function createProgramRunner(options: ProgramRunnerOptions): ProgramRunner {
  const spawner = createSpawnerPool(options.spawner);
  const folders = createAttemptFolders(path.join(options.folder, 'attempts'));
  const running = new Set<ProgramAttempt>();
  let progressTimer: NodeJS.Timeout | undefined;

  const rooms: RunnerRooms = {
    executorId: options.executorId,
    spawner,
    folders,
    lookup: createProgramLookup(),
    environments: createEnvironments({ ...(options.environment ?? process.env) }),
    sweep: createAttemptSweeper(options.executorId),
    data: options.data,
  };

  function pollProgress(): void {
    const before = Date.now() - PROGRESS_FROM_MS;
    for (const attempt of running) if (attempt.startedMs < before) attempt.pollProgress();
    if (running.size > 0) return;
    clearInterval(progressTimer);
    progressTimer = undefined;
  }

  return {
    start(request, sink) {
      const refusal = refusalOf(request);
      if (refusal !== undefined) return refusedAttempt(request, refusal);
      let attempt: ProgramAttempt;
      try {
        attempt = createProgramAttempt(request, sink, rooms);
      } catch (error) {
        const message = `no folder could be made for it: ${(error as Error).message}`;
        return refusedAttempt(request, { reason: 'no-staging', message, infra: true });
      }
      if (attempt.ended) return attempt;
      running.add(attempt);
      progressTimer ??= setInterval(pollProgress, PROGRESS_EVERY_MS);
      attempt.done.then(() => running.delete(attempt));
      return attempt;
    },
    warm: () => spawner.warm(),
    stats: () => spawner.stats(),
    async close() {
      await spawner.close();
      clearInterval(progressTimer);
      await Promise.all([...running].map((attempt) => attempt.done));
      folders.close();
      fs.rmSync(options.folder, { recursive: true, force: true });
    },
  };
}

/** They become file names here. */
function refusalOf({ runId, assignment }: AttemptRequest): StartFailure | undefined {
  const bad = [runId, assignment.processor].find((name) => parseInstanceName(name) === undefined);
  if (bad === undefined) return undefined;
  return { reason: 'bad-options', message: `${JSON.stringify(bad)} cannot be the id of a run or processor` };
}

function refusedAttempt({ assignment }: AttemptRequest, failure: StartFailure): RunningAttempt {
  return { done: Promise.resolve(reportOfRefusal(assignment, failure)), cancel() {} };
}
