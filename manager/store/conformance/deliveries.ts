import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { CLAIM_SLACK_MS, type NewDelivery, type TryEnd } from '../deliveries.ts';
import type { RunRow, Store } from '../store.ts';
import { commitOf, NO_LIMITS, runRow } from './rows.ts';

const NOW = 1_700_000_000_000;

/** What a hook is told of a run. */
export function newDelivery(row: RunRow, name: string, change: Partial<NewDelivery> = {}): NewDelivery {
  return {
    deliveryId: `${row.runId}-${name}`,
    hookKey: 'hook',
    runId: row.runId,
    pipeline: row.pipeline,
    event: 'run.failed',
    processor: '',
    createdMs: NOW,
    target: '{"kind":"webhook"}',
    body: '{"é":1}',
    timeoutMs: 10_000,
    ...change,
  };
}

export function deliveryTests(store: () => Store): void {
  async function newRun(): Promise<RunRow> {
    const row = runRow({ managerId: 'm1' });
    await store().createRun(row, [], 'm1');
    return row;
  }
  const told = async (row: RunRow, ...deliveries: NewDelivery[]) => {
    await store().commit([{ ...commitOf(row, 1), deliveries }], NO_LIMITS);
    return { ...row, seq: row.seq + 1 };
  };
  const end = (deliveryId: string, change: Partial<TryEnd>): TryEnd => ({
    deliveryId,
    holder: 'm1',
    attempt: 1,
    state: 'acknowledged',
    nextMs: 0,
    nowMs: NOW + 50,
    durationMs: 50,
    status: 200,
    error: '',
    output: '',
    ...change,
  });

  it('keeps a delivery with the commit of its event, once, and with no commit that is fenced', async () => {
    const row = await newRun();
    const first = newDelivery(row, '1');
    const next = await told(row, first);
    await told(next, { ...first, body: 'other' });
    const { pipeline } = row;
    const kept = await store().getDelivery(first.deliveryId);
    assert.deepEqual(kept, {
      delivery: {
        ...first,
        pipeline,
        state: 'pending',
        tries: 0,
        triesBefore: 0,
        nextMs: NOW,
        endedMs: 0,
        error: '',
      },
      tries: [],
    });
    const fenced = await newRun();
    await told({ ...fenced, managerId: 'm2' }, newDelivery(fenced, '1'));
    assert.deepEqual(await store().listDeliveries({ runId: fenced.runId, limit: 10 }), []);
  });

  it('keeps one with the run that it begins with', async () => {
    const row = runRow();
    await store().createRun(row, [], null, [newDelivery(row, '1', { event: 'run.started' })]);
    const [found] = await store().listDeliveries({ runId: row.runId, limit: 10 });
    assert.equal(found?.event, 'run.started');
  });

  it('gives a delivery to one manager at a time, until its claim runs out or the manager is removed', async () => {
    const row = await newRun();
    const one = newDelivery(row, '1');
    await told(row, one);
    assert.equal(await store().nextDeliveryMs(NOW), NOW);
    assert.deepEqual(await store().claimDeliveries('m1', NOW - 1, 10), []);
    const claims = await Promise.all(['m1', 'm1'].map((it) => store().claimDeliveries(it, NOW, 10)));
    assert.deepEqual(
      claims.flat().map(({ tries }) => tries),
      [1],
    );
    assert.equal(await store().nextDeliveryMs(NOW), undefined);
    const ends = NOW + 10_000 + CLAIM_SLACK_MS;
    assert.deepEqual(await store().claimDeliveries('m2', ends - 1, 10), []);
    assert.equal((await store().claimDeliveries('m2', ends, 10))[0]?.tries, 2);
    await store().removeManager('m2');
    assert.equal((await store().claimDeliveries('m3', ends, 10))[0]?.tries, 3);
    assert.deepEqual(
      (await store().getDelivery(one.deliveryId))?.tries.map(({ attempt, durationMs }) => [
        attempt,
        durationMs,
      ]),
      [
        [1, -1],
        [2, -1],
        [3, -1],
      ],
    );
  });

  it('ends a try once, and not by whoever was overtaken', async () => {
    const row = await newRun();
    const { deliveryId } = newDelivery(row, '1');
    await told(row, newDelivery(row, '1'));
    await store().claimDeliveries('m1', NOW, 1);
    const late = NOW + 100_000;
    await store().claimDeliveries('m2', late, 1);
    assert.equal(await store().endTry(end(deliveryId, {})), false);
    const again = { holder: 'm2', attempt: 2, state: 'pending', nextMs: late + 5000, status: 500 } as const;
    assert.equal(await store().endTry(end(deliveryId, { ...again, error: 'HTTP 500', output: 'no' })), true);
    assert.deepEqual(await store().claimDeliveries('m1', late + 4999, 1), []);
    await store().claimDeliveries('m1', late + 5000, 1);
    assert.equal(await store().endTry(end(deliveryId, { attempt: 3 })), true);
    assert.equal(await store().endTry(end(deliveryId, { attempt: 3 })), false);
    const found = await store().getDelivery(deliveryId);
    assert.deepEqual(
      [found?.delivery.state, found?.delivery.error, found?.delivery.endedMs],
      ['acknowledged', '', NOW + 50],
    );
    assert.deepEqual(found?.tries[1], {
      attempt: 2,
      startedMs: late,
      durationMs: 50,
      status: 500,
      error: 'HTTP 500',
      output: 'no',
    });
    assert.deepEqual(await store().claimDeliveries('m1', late + 1e9, 1), []);
  });

  it('sends nothing more to a hook that is gone, until one is redelivered', async () => {
    const row = await newRun();
    const all = ['1', '2'].map((name) => newDelivery(row, name));
    const other = newDelivery(row, '3', { hookKey: 'other', createdMs: NOW + 5 });
    const next = await told(row, ...all, other);
    await store().claimDeliveries('m1', NOW, 1);
    await store().endTry(end(all[0]!.deliveryId, { state: 'disabled', status: 410, error: 'HTTP 410' }));
    await told(next, newDelivery(row, '4', { createdMs: NOW + 6 }));
    const states = async () =>
      (await store().listDeliveries({ runId: row.runId, limit: 10 })).map(({ state }) => state);
    assert.deepEqual(await states(), ['disabled', 'pending', 'disabled', 'disabled']);
    assert.equal(await store().redeliver(all[1]!.deliveryId, NOW + 9), true);
    assert.deepEqual(await states(), ['disabled', 'pending', 'pending', 'disabled']);
    await store().commit(
      [{ ...commitOf({ ...next, seq: next.seq + 1 }, 1), deliveries: [newDelivery(row, '5')] }],
      NO_LIMITS,
    );
    assert.equal((await store().getDelivery(`${row.runId}-5`))?.delivery.state, 'pending');
    assert.equal(await store().redeliver('nothing', NOW), false);
  });

  it('redelivers what was acknowledged, with all its tries', async () => {
    const row = await newRun();
    const { deliveryId } = newDelivery(row, '1');
    await told(row, newDelivery(row, '1'));
    await store().claimDeliveries('m1', NOW, 1);
    await store().endTry(end(deliveryId, {}));
    await store().redeliver(deliveryId, NOW + 9);
    const [claimed] = await store().claimDeliveries('m1', NOW + 9, 1);
    assert.deepEqual([claimed?.tries, claimed?.triesBefore], [2, 1]);
  });

  it('lists the newest first, page by page, by run, pipeline and state', async () => {
    const row = await newRun();
    const all = ['1', '2', '3'].map((name, i) => newDelivery(row, name, { createdMs: NOW + i }));
    const other = await newRun();
    await told(row, ...all);
    await told(other, newDelivery(other, '1', { createdMs: NOW - 1, pipeline: 'other' }));
    const names = async (filter: object) =>
      (await store().listDeliveries({ limit: 10, ...filter })).map(({ deliveryId }) => deliveryId.at(-1));
    assert.deepEqual(await names({}), ['3', '2', '1', '1']);
    assert.deepEqual(await names({ limit: 2 }), ['3', '2']);
    assert.deepEqual(await names({ beforeId: all[1]!.deliveryId, runId: row.runId }), ['1']);
    assert.deepEqual(await names({ pipeline: 'other' }), ['1']);
    assert.deepEqual(await names({ states: ['failed', 'disabled'] }), []);
    assert.equal((await names({ states: ['pending'] })).length, 4);
  });

  it('lists those that something was wrong with, whatever else there is', async () => {
    const row = await newRun();
    const names = ['well', 'once', 'never', 'gone', 'later'];
    await told(row, ...names.map((name, i) => newDelivery(row, name, { hookKey: name, createdMs: NOW - i })));
    const ends: Record<string, Partial<TryEnd>> = {
      well: {},
      once: { state: 'pending', nextMs: NOW + 1e9, status: 500, error: 'HTTP 500' },
      never: { state: 'failed', status: 400, error: 'HTTP 400' },
      gone: { state: 'disabled', status: 410 },
    };
    await store().claimDeliveries('m1', NOW, 10);
    for (const [name, change] of Object.entries(ends))
      await store().endTry(end(`${row.runId}-${name}`, change));
    const troubled = async (filter: object) =>
      (await store().listDeliveries({ runId: row.runId, troubled: true, limit: 2, ...filter })).map(
        ({ deliveryId }) => deliveryId.split('-').at(-1),
      );
    assert.deepEqual(await troubled({}), ['once', 'never']);
    assert.deepEqual(await troubled({ limit: 10 }), ['once', 'never', 'gone']);
    assert.deepEqual(await troubled({ states: ['disabled'] }), ['gone']);
  });

  it('deletes them with their run', async () => {
    const row = await newRun();
    const one = newDelivery(row, '1');
    const ended = { ...commitOf(row, 1, { state: RunState.FAILED }), deliveries: [one] };
    await store().commit([ended], NO_LIMITS);
    await store().claimDeliveries('m1', NOW, 1);
    await store().deleteRuns([row.runId]);
    assert.equal(await store().getDelivery(one.deliveryId), undefined);
    assert.equal(await store().endTry(end(one.deliveryId, {})), false);
  });
}
