import assert from 'node:assert/strict';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { z } from 'zod';
import { type CacheDecision, DataSchema, type File, FileSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { attemptEnded, attemptStarted, emit, processorExpanded } from '../engine/events.ts';
import { newRun, pipeline, report } from '../engine/run.fixture.ts';
import type { RunMachine } from '../engine/run.ts';
import { manifestPieces } from './manifest.ts';
import { type Manifest, manifestJsonSchema } from './manifest-schema.ts';

/** The published schema, read back: what is in it and not in ours would show. */
export const published = z.fromJSONSchema(JSON.parse(JSON.stringify(manifestJsonSchema())));

export const { FAILED, SUCCEEDED, IDLE } = ProcessorState;
export const HASH = 'ab'.repeat(32);

export function manifestOf(run: RunMachine, nowMs = 60_000): Manifest {
  const manifest = JSON.parse([...manifestPieces(run, '/home/of/wiz', nowMs)].join('')) as Manifest;
  const checked = published.safeParse(manifest);
  assert.ok(checked.success, checked.error && z.prettifyError(checked.error));
  return manifest;
}

export function started(
  run: RunMachine,
  name: string,
  unixMs: number,
  attempt = 1,
  cache?: CacheDecision,
  inputs?: File[],
) {
  emit(run, unixMs, attemptStarted(name, attempt, 'executor-1', 1, cache, inputs));
}

export function succeeded(run: RunMachine, told: Report) {
  emit(run, told.endedUnixMs + 1, attemptEnded(told, SUCCEEDED, ''));
}

export function failed(run: RunMachine, told: Report, rest: { retryMs?: number; warning?: boolean } = {}) {
  const { retryMs = 0, warning = false } = rest;
  const state = retryMs > 0 ? IDLE : FAILED;
  emit(
    run,
    told.endedUnixMs + 1,
    attemptEnded(told, state, retryMs > 0 ? 'retry-backoff' : told.reason, retryMs, warning),
  );
}

export const failedReport = (name: string, attempt: number, rest: Partial<Report>) =>
  report(name, attempt, {
    outcome: Outcome.FAILED,
    reason: 'exit-code',
    failureClass: FailureClass.APP,
    message: 'exited with 3',
    exitCode: 3,
    ...rest,
  });

export const file = (name: string) =>
  create(FileSchema, { name, hash: HASH, size: 5_000_000_000, mediaType: 'text/plain' });
export const data = (init: MessageInitShape<typeof DataSchema>) => create(DataSchema, init);
export const json = (value: string) => data({ value: { case: 'json', value } });

/** A run of one processor whose list is known. */
export function fanOut(count: number): RunMachine {
  const run = newRun(pipeline([{ name: 'each', each: '${{ params.list }}' }]));
  emit(run, 2000, processorExpanded('each', count));
  return run;
}
