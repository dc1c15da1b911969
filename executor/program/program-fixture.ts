import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type File, LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  type Assignment,
  AssignmentSchema,
  type LogChunk,
  type Report,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { openTestRooms } from '../data/data-rooms.fixture.ts';
import type { DataRooms } from '../data/data-rooms.ts';
import type { AttemptSink } from './attempt.ts';
import { createProgramRunner, type ProgramRunner } from './runner.ts';
import type { SpawnerOptions } from './spawner-client.ts';
import { sweepLeftovers } from './sweep.ts';

/** For tests of this room: a runner in a temporary folder, whose end finds every process that was left. */
export interface ProgramFixture {
  runner: ProgramRunner;
  data: DataRooms;
  executorId: string;
  /** The workdir of all programs. */
  folder: string;
  start(action: string[] | Script, more?: More): Started;
  run(action: string[] | Script, more?: More): Promise<Finished>;
}

export interface Script {
  shell: string;
  text: string;
}

export interface More {
  runId?: string;
  processor?: string;
  attempt?: number;
  assignment?: Partial<Omit<Assignment, '$typeName' | '$unknown' | 'action' | 'processor' | 'attempt'>>;
  environment?: Record<string, string>;
  sink?: AttemptSink;
}

export interface Started {
  done: Promise<Finished>;
  cancel(reason: string): void;
  chunks: LogChunk[];
  progress: { fraction: number; message: string }[];
  text(stream?: 'stdout' | 'stderr'): string;
}

export interface Finished {
  report: Report;
  stdout: Buffer;
  stderr: Buffer;
}

export function bash(text: string): Script {
  return { shell: 'bash', text };
}

/** `scope`: a test's context, or { after } of node:test within describe(). */
export async function createFixture(
  scope: { after(done: () => Promise<void>): void },
  kind: 'native' | 'portable' = 'native',
  { environment = process.env, ...spawner }: SpawnerOptions & { environment?: NodeJS.ProcessEnv } = {},
): Promise<ProgramFixture> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-program-'));
  const executorId = `test-${path.basename(folder)}`;
  const data = await openTestRooms(folder, executorId, environment);
  const runner = createProgramRunner({
    executorId,
    folder: path.join(folder, 'room'),
    data,
    environment,
    spawner: { kind, ...spawner },
  });
  let count = 0;

  scope.after(async () => {
    await runner.close();
    await data.staging.close();
    await data.files.store.close();
    fs.rmSync(folder, { recursive: true, force: true });
    assert.deepEqual(await sweepLeftovers([executorId]), [], 'processes were left behind');
  });

  function start(action: string[] | Script, more: More = {}): Started {
    const chunks: LogChunk[] = [];
    const progress: Started['progress'] = [];
    const sink: AttemptSink = more.sink ?? {
      log(chunk) {
        chunks.push(chunk);
        return undefined;
      },
      progress: (fraction, message) => progress.push({ fraction, message }),
    };
    const attempt = runner.start(
      {
        runId: more.runId ?? 'run1',
        epoch: 1,
        pipeline: 'pipe',
        environment: more.environment ?? {},
        assignment: create(AssignmentSchema, {
          processor: more.processor ?? `p${++count}`,
          attempt: more.attempt ?? 1,
          workdir: folder,
          ...more.assignment,
          action: Array.isArray(action)
            ? { case: 'program', value: { argv: action } }
            : { case: 'script', value: action },
        }),
      },
      sink,
    );
    const bytes = (stream: LogStream) =>
      Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.data));
    return {
      chunks,
      progress,
      cancel: attempt.cancel,
      text: (stream = 'stdout') =>
        bytes(stream === 'stdout' ? LogStream.STDOUT : LogStream.STDERR).toString('utf8'),
      done: attempt.done.then((report) => ({
        report,
        stdout: bytes(LogStream.STDOUT),
        stderr: bytes(LogStream.STDERR),
      })),
    };
  }

  return { runner, data, executorId, folder, start, run: (action, more) => start(action, more).done };
}

/** The output, which is a file of the store. */
export function fileOutput(report: Report): File {
  const value = report.output?.value;
  assert.equal(value?.case, 'file', `${report.reason} ${report.message}`);
  return value.value as File;
}

/** Polls until the condition holds; fails after 10 s. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) assert.fail(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Lives, and is more than a process that waits to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^\d+ \(.*\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
