import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { newId } from '../../proto/ids.ts';
import { emit, runEnded } from '../engine/events.ts';
import { createdEvent, newRun, pipeline, report } from '../engine/run.fixture.ts';
import { rowOf } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { published, started, succeeded } from './manifest.fixture.ts';
import { getManifest } from './manifest-stream.ts';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-manifest-stream-'));
const store = await openSqliteStore(path.join(home, 'wiz.db'));
after(async () => {
  await store.close();
  fs.rmSync(home, { recursive: true });
});

async function manifestOf(runId: string) {
  let text = '';
  const request = { $typeName: 'wiz.v1.GetManifestRequest', runId } as const;
  for await (const { json } of getManifest({ store, home } as Manager, request)) text += json;
  const manifest = JSON.parse(text);
  assert.ok(published.safeParse(manifest).success);
  return manifest;
}

test('the manifest is that of the journal, while the run goes on and when it has ended', async () => {
  await assert.rejects(manifestOf('latest'), { code: 'not_found' });
  const spec = pipeline([{ name: 'a' }]);
  const runId = newId();
  const run = newRun(spec, runId);
  await store.createRun(rowOf(run), [createdEvent(spec, runId)], 'manager');
  assert.deepEqual(await standing(), ['Running', 'Idle', 0]);

  const commit = async () => {
    const events = run.uncommitted.splice(0);
    await store.commit([{ row: rowOf(run), events }], { acquire: [], release: [], max: {} });
  };
  started(run, 'a', 2000);
  // What is not committed yet is not told.
  assert.deepEqual(await standing(), ['Running', 'Idle', 0]);
  await commit();
  assert.deepEqual(await standing(), ['Running', 'Running', 1]);
  succeeded(run, report('a', 1, { startedUnixMs: 2000, endedUnixMs: 2100 }));
  emit(run, 2101, runEnded(RunState.SUCCEEDED, 'succeeded', '', []));
  await commit();
  assert.deepEqual(await standing(), ['Succeeded', 'Succeeded', 1]);
  assert.equal((await manifestOf(runId.slice(0, 10))).runId, runId);

  async function standing(): Promise<unknown[]> {
    const { state, processors } = await manifestOf('latest');
    return [state, processors[0].state, processors[0].attempts.length];
  }
});
