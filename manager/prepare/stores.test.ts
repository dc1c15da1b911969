import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFileStore } from '../../files/open-file-store.ts';
import { INLINE_LIMIT_BYTES } from '../../proto/data.ts';
import { type Data, DataForm, type File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { newId } from '../../proto/ids.ts';
import { createdEvent, type ProcessorSketch, pipeline } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import { cacheEntriesOf } from '../file-links.ts';
import type { Task } from '../graph/processor-node.ts';
import { rowOf } from '../journal.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { drive } from './drive.fixture.ts';
import { createPreparer } from './preparer.ts';

const cache = { inputs: [], env: [], version: '', key: '' };

/** The stores as managers use them: what is in the cache is what was committed. */
async function openStores() {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-prepare-'));
  const store = await openSqliteStore(join(folder, 'wiz.db'));
  const files = await openFileStore(`folder:${join(folder, 'files')}`, { environment: {} });

  const put = async (name: string, content: string): Promise<File> => {
    const { hash, size } = await files.putBytes(Buffer.from(content));
    return { $typeName: 'wiz.v1.File', name, hash, size, mediaType: 'text/plain', folder: false };
  };

  /** A new manager on the same stores; one that is killed has executed and has not committed. */
  async function run(
    sketches: ProcessorSketch[],
    give: (task: Task) => Promise<Partial<Report>>,
    { killed = false } = {},
  ) {
    const runId = newId();
    const created = createdEvent(pipeline(sketches), runId);
    const machine = newRunMachine(created, 'm1', 1);
    await store.createRun(rowOf(machine), [created], 'm1');
    const preparer = createPreparer({
      store,
      files,
      environment: {},
      executorsAreLocal: () => true,
      note: (message) => assert.fail(message),
    });
    const { executed } = await drive(machine, preparer, give);
    if (!killed) {
      const events = machine.uncommitted;
      const cacheEntries = cacheEntriesOf(machine, events) ?? [];
      await store.commit([{ row: rowOf(machine), events, cacheEntries }], {
        acquire: [],
        release: [],
        max: {},
      });
    }
    return { executed, machine, runId };
  }

  return {
    put,
    run,
    removeObject(hash: string) {
      const path = files.pathOf(hash)!;
      rmSync(path, { force: true });
    },
    async close() {
      await files.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

test('results are reused once they are committed, and never before', async () => {
  const stores = await openStores();
  try {
    const sketches: ProcessorSketch[] = [
      { name: 'make', cache },
      { name: 'each', needs: ['make'], cache, each: '${{ outputs.make.items }}' },
      { name: 'join', needs: ['each'], cache },
    ];
    const give = async ({ name, index }: Task): Promise<Partial<Report>> => {
      if (name === 'make') return { output: json({ items: [1, 2, 3] }), files: [await stores.put('a', 'a')] };
      if (index >= 0) return { output: json('x'.repeat(INLINE_LIMIT_BYTES / 2)) };
      return { output: await spilled('joined'), context: { JOINED: 'yes' } };
    };
    const spilled = async (text: string): Promise<Data> => {
      const value = { case: 'file' as const, value: await stores.put('output', text) };
      return { ...json(null), value, form: DataForm.TEXT };
    };
    const all = ['make', 'each[0]', 'each[1]', 'each[2]', 'join'];
    assert.deepEqual((await stores.run(sketches, give, { killed: true })).executed, all);
    const second = await stores.run(sketches, give);
    assert.deepEqual(second.executed, all, 'what was not committed is not there');
    const third = await stores.run(sketches, give);
    assert.deepEqual(third.executed, []);
    const join = third.machine.graph.getNodeAttributes('join');
    assert.equal(join.cache?.reason, `same as run ${second.runId}`);
    assert.deepEqual(join.added, { JOINED: 'yes' });
    assert.equal(join.output?.value.case, 'file');

    stores.removeObject((join.output!.value.value as File).hash);
    const fourth = await stores.run(sketches, give);
    assert.deepEqual(fourth.executed, ['join']);
    assert.equal(fourth.machine.graph.getNodeAttributes('join').cache?.reason, 'its files are gone');
    assert.deepEqual((await stores.run(sketches, give)).executed, []);
  } finally {
    await stores.close();
  }
});

function json(value: unknown): Data {
  const text = JSON.stringify(value);
  return {
    $typeName: 'wiz.v1.Data',
    value: { case: 'json', value: text },
    mediaType: '',
    form: DataForm.UNSPECIFIED,
  };
}
