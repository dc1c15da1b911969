import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { newId } from '../../../proto/ids.ts';
import type { JsonObject } from '../../spec/spec.ts';
import { tokenRow, userRow } from '../conformance/access.ts';
import { cacheEntry, endedRun, fileLink } from '../conformance/data.ts';
import { newDelivery } from '../conformance/deliveries.ts';
import { chunkOf } from '../conformance/logs.ts';
import { commitOf, executorRow, manager, pipeline, runRow } from '../conformance/rows.ts';
import { openStore } from '../open-store.ts';
import type { RunRow, Store } from '../store.ts';
import { backupStore, type StoreAddress } from './stores.ts';

/** A store with something in every table. */

const NOW = 1_700_000_000_000;

export interface Filled {
  ended: RunRow;
  /** One that goes on, owned by `m1`. */
  running: RunRow;
}

/** Bytes of a log that is more than a row or a frame takes. */
export const LONG_LOG = Buffer.from('0123456789abcde\n'.repeat(25_000));

export async function fill(at: StoreAddress): Promise<Filled> {
  const store = await openStore(at.address);
  try {
    await people(store);
    const filled = await runs(store);
    const logs = store.openLogs(at.home ?? '');
    const { runId } = filled.ended;
    await logs.append(chunkOf({ runId, data: 'first\n' }));
    await logs.append(chunkOf({ runId, stream: LogStream.STDERR, data: 'zwei\0\xff\n' }));
    await logs.append(chunkOf({ runId, offset: 6, line: 2, data: 'third' }));
    await logs.append(chunkOf({ runId, processor: 'long[2]', attempt: 2, data: LONG_LOG }));
    await logs.append(chunkOf({ runId: filled.running.runId, data: 'on and on' }));
    await logs.close();
    return filled;
  } finally {
    await store.close();
  }
}

async function people(store: Store): Promise<void> {
  const schedule = {
    name: 'nightly',
    definition: '{"cron":"0 17 * * *"}',
    timeZone: 'Europe/Berlin',
    paused: true,
    nextMs: NOW,
  };
  await store.applyPipelines([{ ...pipeline('audit', '1'), schedules: [schedule] }], NOW, false);
  await store.applyPipelines([pipeline('other', '{"quoted":"a \\"b\\" \\\\ NULL"}')], NOW + 1, false);
  await store.createToken(tokenRow({ tokenId: 't1' }));
  await store.createUser(userRow());
  const entry = {
    entryId: newId(NOW),
    atMs: NOW,
    actor: 'ci',
    kind: 'token',
    credential: 't1',
    method: 'RunService/StartRun',
    target: 'nightly',
    outcome: '',
    peer: '10.0.0.7',
    managerId: 'm1',
    traceId: '',
    calls: 1,
  } as const;
  await store.writeAudit([entry], []);
  await store.putExecutor(executorRow());
  const shared = { executorId: 'r1', launcher: 'registered', address: 'gpu-1:7000', name: 'gpu-1' } as const;
  await store.registerExecutor(
    executorRow({ ...shared, labels: { gpu: 'a100' }, tls: { authority: 'PEM', serverName: 'gpu-1' } }),
  );
  await store.registerExecutor(executorRow({ ...shared, executorId: 'r2', address: 'b:1', name: 'b' }));
  await store.putCatalogue('b1', '[1]');
  await store.putFileStamps([
    { path: '/a b', size: 9e9, mtimeNs: '17', ctimeNs: '18', inode: '9', hash: 'ab' },
  ]);
  await store.heartbeat(manager('m1'));
  await store.claimCentre('m1', ['m1'], NOW);
}

async function runs(store: Store): Promise<Filled> {
  const ended = await endedRun(store, (run) => ({
    cacheEntries: [cacheEntry(run, 'k1'), cacheEntry(run, 'k2')],
    fileLinks: [fileLink(run), fileLink(run, { role: 'kept', name: 'out/r.html', folder: true })],
    records: [
      {
        table: 'temperatures',
        processor: 'measure',
        rows: [
          { city: 'Łódź', celsius: 19.5, big: 1e21, more: { a: [1, null, 'x\\u0000 "y"'] } },
          { city: null } as JsonObject,
        ],
      },
    ],
    deliveries: ['d1', 'd2'].map((deliveryId) =>
      newDelivery(run, deliveryId, { deliveryId, hookKey: deliveryId }),
    ),
  }));
  for (const delivery of await store.claimDeliveries('m1', NOW + 10, 1)) {
    const end = { deliveryId: delivery.deliveryId, holder: 'm1', attempt: 1, nowMs: NOW + 50 };
    const gone = {
      state: 'disabled',
      nextMs: 0,
      durationMs: 50,
      status: 410,
      error: 'gone',
      output: 'no',
    } as const;
    await store.endTry({ ...end, ...gone });
  }
  // The other one is held.
  await store.claimDeliveries('m1', NOW + 20, 1);
  const running = runRow({ managerId: 'm1', warnings: ['ä "b"'] });
  await store.createRun(running, [], 'm1');
  await store.commit([commitOf(running, 3, { state: RunState.RUNNING, running: 1 })], {
    acquire: [{ key: 'gpu', holder: `${running.runId}/a`, runId: running.runId }],
    release: [],
    max: { gpu: 1 },
  });
  await store.sendCommand({ runId: running.runId, kind: 'cancel', message: 'x' });
  return { ended, running: { ...running, seq: 3 } };
}

/** Everything a backup of a store has, without what it says of itself. */
export async function contentOf(at: StoreAddress, folder: string): Promise<string[]> {
  const file = join(folder, `${newId()}.backup`);
  await backupStore(at, file);
  const [, ...lines] = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
  return lines;
}
