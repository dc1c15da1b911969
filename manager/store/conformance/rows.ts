import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Event, EventSchema, RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { newId } from '../../../proto/ids.ts';
import type { ExecutorRow, LimitChanges, ManagerRow, NewPipeline, RunCommit, RunRow } from '../store.ts';

/** Rows as tests of stores need them: whole, with what a test names. */

export const NO_LIMITS: LimitChanges = { acquire: [], release: [], max: {} };

export function runRow(change: Partial<RunRow> = {}): RunRow {
  return {
    runId: newId(),
    pipeline: 'audit',
    version: 1,
    state: RunState.RUNNING,
    reason: '',
    message: '',
    createdMs: 1_700_000_000_123,
    endedMs: 0,
    labels: { department: 'research' },
    paramsJson: '{"root":"/tmp"}',
    idle: 3,
    running: 0,
    failed: 0,
    succeeded: 0,
    warnings: [],
    cancelRequested: false,
    seq: 0,
    managerId: null,
    epoch: 1,
    ...change,
  };
}

/** Events numbered `from`, `from + 1`, …; each carries `size` characters. */
export function someEvents(from: number, count: number, size: number = 4): Event[] {
  return Array.from({ length: count }, (_, i) =>
    create(EventSchema, {
      seq: from + i,
      unixMs: 1_700_000_000_000 + from + i,
      event: { case: 'runCancelRequested', value: { message: 'é'.repeat(size / 2) } },
    }),
  );
}

/** The commit that adds `count` events to the run, and its row afterwards. */
export function commitOf(row: RunRow, count: number, change: Partial<RunRow> = {}): RunCommit {
  return { row: { ...row, seq: row.seq + count, ...change }, events: someEvents(row.seq + 1, count) };
}

export function pipeline(name: string, specJson: string): NewPipeline {
  return {
    name,
    specJson,
    source: `name: ${name}\n`,
    baseDir: '/srv/pipelines',
    description: 'Groups packages by licence.',
    labels: { team: 'platform' },
    processorCount: 3,
  };
}

export function manager(managerId: string, change: Partial<ManagerRow> = {}): ManagerRow {
  return {
    managerId,
    kind: 'cli',
    pid: 4_194_304,
    pidStart: 12_345_678_901,
    hostname: 'build-7',
    machine: 'a1b2',
    startedMs: 1_700_000_000_000,
    heartbeatMs: 1_700_000_000_000,
    expiresMs: 1_700_000_006_000,
    roles: ['api', 'runs'],
    draining: false,
    url: '',
    runs: 0,
    loads: {},
    ...change,
  };
}

/** Milliseconds for which something is waited for that comes by itself. */
const PATIENCE_MS = 60_000;

/** Looks until it is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`It is not so after ${PATIENCE_MS} ms: ${isSo}`);
    await sleep(10);
  }
}

export function executorRow(change: Partial<ExecutorRow> = {}): ExecutorRow {
  return {
    executorId: 'e1',
    launcher: 'local',
    address: 'unix:/tmp/e1.sock',
    token: 'secret',
    tls: null,
    hostname: 'build-7',
    pid: 77,
    pidStart: 987_654_321,
    machine: 'a1b2',
    version: '0.1.0',
    slots: 8,
    environmentHash: 'abc',
    startedMs: 1_700_000_000_000,
    name: '',
    labels: {},
    drainingMs: 0,
    ...change,
  };
}
