/** A manager from its first round to its close, on a store that is slow or takes nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import { silentLog } from '../proto/log.ts';
import { resumeElsewhere } from './api/resume-elsewhere.ts';
import { pipeline, program } from './engine/run.fixture.ts';
import type { Manager } from './manager.ts';
import { type OpenOptions, openManager } from './open-manager.ts';
import { startRun } from './start-run.ts';
import { until } from './store/conformance/rows.ts';
import { openSqliteStore } from './store/sqlite.ts';

/** A daemon without executors. */
function openDaemon(t: TestContext, change: Partial<OpenOptions> = {}): Promise<Manager> {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-manager-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return openManager({
    kind: 'daemon',
    home: join(folder, 'home'),
    environment: {},
    localExecutors: 'nothing',
    needsExecutor: false,
    wizEntry: [process.execPath, '-e', ''],
    ...change,
  });
}

/** The same, and a run that waits for an executor. */
async function managerWithRun(t: TestContext): Promise<{ manager: Manager; runId: string }> {
  const manager = await openDaemon(t);
  const start = { version: 0, params: {}, context: {}, parentContext: {}, labels: {} };
  const spec = pipeline([{ name: 'a', action: program }]);
  const { runId } = await startRun(manager, { ...start, spec, detach: false, noCache: false, runId: '' });
  return { manager, runId };
}

/** The same, with a run that was cancelled. */
async function managerWithEndedRun(t: TestContext) {
  const { manager, runId } = await managerWithRun(t);
  t.after(() => manager.close());
  manager.loop.cancel(runId, '');
  await until(async () => (await manager.store.getRun(runId))!.state !== RunState.RUNNING);
  return { manager, runId };
}

/** Two heartbeats pass while the journal is read. */
async function acrossHeartbeats<T>({ store, sharing }: Manager, work: () => Promise<T>): Promise<T> {
  const { readEvents } = store;
  const reading = Promise.withResolvers<void>();
  const beaten = Promise.withResolvers<void>();
  store.readEvents = async (...asked) => {
    reading.resolve();
    await beaten.promise;
    return readEvents.apply(store, asked);
  };
  const done = work();
  await reading.promise;
  for (let beat = 0; beat < 2; beat += 1) await sharing.look();
  beaten.resolve();
  return done;
}

test('a run that is claimed stays claimed, however long its journal is read', async (t) => {
  const { manager, runId } = await managerWithEndedRun(t);
  const run = await acrossHeartbeats(manager, () => manager.claim(runId));
  assert.deepEqual(await manager.store.ownedRuns(manager.managerId), [{ runId, epoch: run!.epoch }]);
  manager.loop.resume(runId, { processors: ['a'], specJson: '', from: [], trace: undefined });
  await manager.loop.settled();
  assert.equal((await manager.store.getRun(runId))!.state, RunState.RUNNING);
});

test('so does one that is claimed to go on elsewhere, until that is journaled', async (t) => {
  const { manager, runId } = await managerWithEndedRun(t);
  const resumed = { processors: ['a'], specJson: '', from: [], trace: undefined };
  await acrossHeartbeats(manager, () => resumeElsewhere(manager, runId, resumed));
  assert.equal((await manager.store.getRun(runId))!.state, RunState.RUNNING);
});

test('close waits for nothing that cannot be written, and leaves the command for the next owner', async (t) => {
  const { manager, runId } = await managerWithRun(t);
  manager.store.commit = async () => {
    throw new Error('the disk is full');
  };
  const others = await openSqliteStore(join(manager.home, 'wiz.db'));
  t.after(() => others.close());
  await others.sendCommand({ runId, kind: 'cancel', message: 'enough' });
  await until(() => manager.loop.runs.get(runId)?.cancelRequested === true && manager.stuck() !== undefined);
  await manager.close();
  await others.claimRun(runId, 'next', []);
  assert.equal((await others.readCommands('next')).length, 1);
});

test('the first round of a background manager looks after everything', async (t) => {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => warnings.push(message) };
  const manager = await openDaemon(t, { kind: 'background', environment: { WIZ_KEEP_RUNS: '1' }, log });
  t.after(() => manager.close());
  await until(async () => (await manager.store.listLeases('prune')).length > 0);
  assert.deepEqual(warnings, []);
});
