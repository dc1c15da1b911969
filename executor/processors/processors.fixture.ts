import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  AssignmentSchema,
  type LogChunk,
  type NeedResultSchema,
  Outcome,
  type Report,
  type SecretSchema,
  type TraceContext,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { openTestRooms } from '../data/data-rooms.fixture.ts';
import type { DataRooms } from '../data/data-rooms.ts';
import { startCall } from './call.ts';
import type { JsonValue } from './processor.ts';

export interface CallOptions {
  workdir?: string;
  input?: object;
  needs?: MessageInitShape<typeof NeedResultSchema>[];
  secrets?: MessageInitShape<typeof SecretSchema>[];
  /** Where its data is; with the environment of its executor. Default: a store in a folder of its own. */
  data?: DataRooms;
  timeoutMs?: number;
  graceMs?: number;
  /** Of the run. */
  trace?: TraceContext;
  /** Called with what cancels the attempt. */
  started?: (cancel: (reason: string) => void) => void;
}

export interface CallResult {
  report: Report;
  outcome: 'succeeded' | 'failed';
  /** undefined when there is none. */
  output: JsonValue | undefined;
  progress: number[];
  messages: string[];
  logs: LogChunk[];
}

/** Carries out one attempt as the session does. */
export async function call(uses: string, options: object, more: CallOptions = {}): Promise<CallResult> {
  if (more.data !== undefined) return callWith(more.data, uses, options, more);
  const folder = mkdtempSync(join(tmpdir(), 'wiz-call-'));
  try {
    return await callWith(await openTestRooms(folder, 'e'), uses, options, more);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function callWith(
  data: DataRooms,
  uses: string,
  options: object,
  more: CallOptions,
): Promise<CallResult> {
  const progress: number[] = [];
  const messages: string[] = [];
  const logs: LogChunk[] = [];
  const { workdir = '/', input, timeoutMs, graceMs, needs, secrets, trace } = more;
  const assignment = create(AssignmentSchema, {
    processor: 'p',
    attempt: 1,
    workdir,
    timeoutMs,
    graceMs,
    needs,
    secrets,
    inputJson: input === undefined ? '' : JSON.stringify(input),
    action: { case: 'call', value: { uses, withJson: JSON.stringify(options) } },
  });
  const started = startCall(
    { runId: 'r', epoch: 1, pipeline: 'x', environment: {}, assignment, trace },
    {
      log: (chunk) => void logs.push(chunk),
      progress: (fraction, message) => {
        progress.push(fraction);
        messages.push(message);
      },
    },
    data,
  );
  if ('done' in started) more.started?.(started.cancel);
  const report = 'done' in started ? await started.done : started;
  const value = report.output?.value;
  return {
    report,
    outcome: report.outcome === Outcome.SUCCEEDED ? 'succeeded' : 'failed',
    output: value === undefined ? undefined : JSON.parse(await jsonOf(value, data)),
    progress,
    messages,
    logs,
  };
}

async function jsonOf(value: Data['value'], { files }: DataRooms): Promise<string> {
  if (value.case === 'json') return value.value;
  assert.equal(value.case, 'file');
  return Buffer.from(await files.store.readBytes(value.value.hash)).toString();
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-processors-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
