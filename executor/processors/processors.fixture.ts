import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { create } from '@bufbuild/protobuf';
import {
  AssignmentSchema,
  type LogChunk,
  Outcome,
  type Report,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { startCall } from './call.ts';
import type { JsonValue } from './processor.ts';

export interface CallOptions {
  workdir?: string;
  input?: object;
  timeoutMs?: number;
  graceMs?: number;
  /** Called with what cancels the attempt. */
  started?: (cancel: (reason: string) => void) => void;
}

export interface CallResult {
  report: Report;
  outcome: 'succeeded' | 'failed';
  /** undefined when there is none. */
  output: JsonValue | undefined;
  progress: number[];
  logs: LogChunk[];
}

/** Carries out one attempt as the session does. */
export async function call(uses: string, options: object, more: CallOptions = {}): Promise<CallResult> {
  const progress: number[] = [];
  const logs: LogChunk[] = [];
  const { workdir = '/', input, timeoutMs, graceMs } = more;
  const assignment = create(AssignmentSchema, {
    processor: 'p',
    attempt: 1,
    workdir,
    timeoutMs,
    graceMs,
    inputJson: input === undefined ? '' : JSON.stringify(input),
    action: { case: 'call', value: { uses, withJson: JSON.stringify(options) } },
  });
  const started = startCall(
    { runId: 'r', epoch: 1, pipeline: 'x', environment: {}, assignment },
    {
      log: (chunk) => void logs.push(chunk),
      progress: (fraction) => progress.push(fraction),
    },
  );
  if ('done' in started) more.started?.(started.cancel);
  const report = 'done' in started ? await started.done : started;
  const value = report.output?.value;
  return {
    report,
    outcome: report.outcome === Outcome.SUCCEEDED ? 'succeeded' : 'failed',
    output: value?.case === 'json' ? JSON.parse(value.value) : undefined,
    progress,
    logs,
  };
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-processors-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
