import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HookAction } from '../spec/hook-spec.ts';
import { runRow } from '../store/conformance/rows.ts';
import type { NewDelivery } from '../store/deliveries.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { createDeliverer, type DelivererOptions } from './deliverer.ts';
import { OPEN_POLICY } from './policy.ts';
import { answers, drops, startReceiver } from './receiver.fixture.ts';
import type { HookTarget } from './target.ts';

const START = 1_700_000_000_000;

/** A store, a receiver, a clock, and deliverers on them. */
async function ground(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-hooks-'));
  const store = await openSqliteStore(join(folder, 'wiz.db'));
  const receiver = await startReceiver();
  const clock = { now: START };
  const open: { close(patienceMs: number): Promise<void> }[] = [];
  t.after(async () => {
    for (const it of open) await it.close(0);
    await receiver.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return {
    folder,
    store,
    receiver,
    clock,
    deliverer(change: Partial<DelivererOptions> = {}) {
      const it = createDeliverer({
        managerId: 'm1',
        store,
        policy: OPEN_POLICY,
        environment: { PATH: process.env.PATH, HOOK_SECRET: 'very secret' },
        now: () => clock.now,
        chance: () => 0.5,
        note: () => {},
        ...change,
      });
      open.push(it);
      return it;
    },
    webhook: (change: Partial<Extract<HookAction, { kind: 'webhook' }>> = {}): HookAction => ({
      kind: 'webhook',
      url: receiver.url,
      secret: null,
      headers: {},
      ...change,
    }),
    /** Stores a delivery and returns how it stands. */
    async told(action: HookAction, change: Partial<NewDelivery> = {}) {
      const row = runRow();
      const deliveryId = `${row.runId}-1-abcdef01`;
      const target: HookTarget = {
        action,
        secrets: { KEY: { env: 'HOOK_SECRET' }, LOST: { env: 'NOT_THERE' } },
        folder,
        ofPipeline: true,
      };
      const body = {
        id: deliveryId,
        type: 'run.failed',
        timestamp: '2023-11-14T22:13:20.000Z',
        data: {
          run: { id: row.runId, pipeline: 'audit', state: 'Failed', reason: 'x', message: `it's "so"` },
        },
      };
      const delivery: NewDelivery = {
        deliveryId,
        hookKey: 'hook',
        runId: row.runId,
        pipeline: 'audit',
        event: 'run.failed',
        processor: '',
        createdMs: START,
        target: JSON.stringify(target),
        body: JSON.stringify(body),
        timeoutMs: 20_000,
        ...change,
      };
      await store.createRun(row, [], null, [delivery]);
      return async () => {
        const found = await store.getDelivery(deliveryId);
        return { ...found!.delivery, log: found!.tries };
      };
    },
  };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

test('a delivery is signed, filled in, and acknowledged once', async (t) => {
  const { receiver, webhook, told, deliverer } = await ground(t);
  const standing = await told(
    webhook({
      url: `${receiver.url}/\${{ run.pipeline }}`,
      secret: 'KEY',
      headers: {
        authorization: 'Bearer ${{ secrets.KEY }}',
        'x-about': '${{ event.name }} ${{ event.reason }}',
      },
    }),
  );
  const it = deliverer();
  await it.settled(20_000);
  await it.settled(20_000);
  assert.equal(receiver.received.length, 1);
  const [{ path, headers, body }] = receiver.received as [(typeof receiver.received)[0]];
  const delivery = await standing();
  assert.equal(path, '/audit');
  assert.equal(headers.authorization, 'Bearer very secret');
  assert.equal(headers['x-about'], 'run.failed x');
  assert.equal(headers['webhook-id'], delivery.deliveryId);
  assert.match(String(headers['webhook-signature']), /^v1,/);
  assert.equal(body, delivery.body);
  assert.equal(delivery.state, 'acknowledged');
  assert.deepEqual(
    delivery.log.map(({ attempt, status, error }) => [attempt, status, error]),
    [[1, 204, '']],
  );
});

test('what fails is tried again later each time, under the same id, until it is acknowledged', async (t) => {
  const { receiver, webhook, told, deliverer, clock } = await ground(t);
  const standing = await told(webhook());
  receiver.behave(drops, answers(500), answers(429, { 'retry-after': '3600' }), answers(200));
  const it = deliverer();
  const waits: number[] = [];
  for (let n = 1; n <= 4; n++) {
    await it.settled(20_000);
    assert.equal(receiver.received.length, n);
    const { nextMs, state } = await standing();
    if (state !== 'pending') break;
    waits.push((nextMs - clock.now) / 1000);
    clock.now = nextMs - 1;
    await it.settled(20_000);
    assert.equal(receiver.received.length, n, 'not before its time');
    clock.now = nextMs;
  }
  assert.deepEqual(waits, [5, 15, 3600]);
  const { state, log } = await standing();
  assert.equal(state, 'acknowledged');
  assert.deepEqual(
    log.map(({ status }) => status),
    [0, 500, 429, 200],
  );
  assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
});

test('after its last try a delivery has failed, and 410 ends its hook', async (t) => {
  const { receiver, webhook, told, deliverer, clock } = await ground(t);
  const standing = await told(webhook());
  receiver.behave(answers(503));
  const it = deliverer();
  for (;;) {
    await it.settled(20_000);
    const { state, nextMs } = await standing();
    if (state !== 'pending') break;
    clock.now = nextMs;
  }
  assert.deepEqual([(await standing()).state, (await standing()).error], ['failed', 'HTTP 503.']);
  assert.equal(receiver.received.length, 12);
  const hours = (clock.now - START) / 3_600_000;
  assert.ok(hours > 20 && hours < 24, `${hours} hours`);

  receiver.behave(answers(410));
  const gone = await told(webhook());
  await it.settled(20_000);
  assert.equal((await gone()).state, 'disabled');
  const next = await told(webhook());
  await it.settled(20_000);
  assert.equal((await next()).state, 'disabled');
  assert.equal(receiver.received.length, 13);
});

test('of two managers one tries, and one that died is stood in for', async (t) => {
  const { receiver, webhook, told, deliverer, store, clock } = await ground(t);
  const all = await Promise.all(Array.from({ length: 40 }, () => told(webhook())));
  await Promise.all(['m1', 'm2'].map((managerId) => deliverer({ managerId }).settled(20_000)));
  await until(async () =>
    (await Promise.all(all.map((it) => it()))).every(({ state }) => state === 'acknowledged'),
  );
  assert.equal(receiver.received.length, 40);

  // It has claimed, and perhaps sent, and says nothing any more.
  const standing = await told(webhook());
  await store.claimDeliveries('dead', clock.now, 1);
  const it = deliverer({ managerId: 'm3' });
  await it.settled(20_000);
  assert.equal(receiver.received.length, 40);
  await store.removeManager('dead');
  await it.settled(20_000);
  assert.deepEqual(
    [(await standing()).state, (await standing()).log.map(({ durationMs }) => durationMs < 0)],
    ['acknowledged', [true, false]],
  );
});

test('an answer is kept though the store fails for a while', async (t) => {
  const { receiver, webhook, told, deliverer, store } = await ground(t);
  const standing = await told(webhook());
  let failures = 1;
  const flaky: Pick<Store, 'claimDeliveries' | 'endTry' | 'nextDeliveryMs'> = {
    claimDeliveries: (...args) => store.claimDeliveries(...args),
    nextDeliveryMs: (nowMs) => store.nextDeliveryMs(nowMs),
    async endTry(end) {
      if (failures-- > 0) throw new (await import('../../proto/error.ts')).WizError('unavailable', 'full');
      return store.endTry(end);
    },
  };
  await deliverer({ store: flaky }).settled(20_000);
  assert.equal((await standing()).state, 'acknowledged');
  assert.equal(receiver.received.length, 1);
});

test('what can never work fails at once, with its reason', async (t) => {
  const { receiver, webhook, told, deliverer } = await ground(t);
  const cases: [HookAction, RegExp][] = [
    [webhook({ url: 'ftp://e.org' }), /must be an http or https one/],
    [webhook({ headers: { a: '${{ run.nothing }}' } }), /run.nothing/],
    [webhook({ secret: 'KEY' }), /hooks.allow.secrets/],
    [{ kind: 'command', argv: ['true'] }, /hooks.allow.commands/],
  ];
  const standings = await Promise.all(cases.map(([action]) => told(action)));
  const policy = { ...OPEN_POLICY, commands: false, secrets: ['WIZ_HOOK_*'] };
  await deliverer({ policy }).settled(20_000);
  for (const [index, standing] of standings.entries()) {
    const { state, error } = await standing();
    assert.equal(state, 'failed');
    assert.match(error, cases[index]![1]);
  }
  assert.equal(receiver.received.length, 0);
});

test('a secret that is not there may come, and none is written down', async (t) => {
  const { receiver, webhook, told, deliverer } = await ground(t);
  const lost = await told(webhook({ secret: 'LOST' }));
  receiver.behave((response, _socket, { headers }) =>
    response.writeHead(400).end(`no such ${headers.authorization}`),
  );
  const leaky = await told(webhook({ headers: { authorization: '${{ secrets.KEY }}' } }));
  await deliverer().settled(20_000);
  assert.deepEqual(
    [(await lost()).state, (await lost()).error],
    ['pending', 'The secret "LOST" is not there: the manager has no variable NOT_THERE.'],
  );
  assert.equal((await leaky()).log[0]?.output, 'no such ***');
});

test('a command has the event on its standard input and in its environment', async (t) => {
  const { told, deliverer, folder } = await ground(t);
  const first = await told({
    kind: 'command',
    argv: [
      'sh',
      '-c',
      'cat > input; echo "$WIZ_EVENT $WIZ_STATE $1"; echo bad >&2',
      'x',
      '${{ event.message }}',
    ],
  });
  const second = await told({
    kind: 'script',
    text: 'echo ${{ run.message }} "$WIZ_RUN_ID"; exit 3',
    shell: 'bash',
  });
  const third = await told({ kind: 'command', argv: ['/no/such/program'] });
  await deliverer().settled(20_000);
  const { state, log, body, runId } = await first();
  assert.deepEqual([state, log[0]?.output], ['acknowledged', `run.failed Failed it's "so"\nbad\n`]);
  assert.equal(readFileSync(join(folder, 'input'), 'utf8'), body);
  assert.equal(runId, JSON.parse(body).data.run.id);
  const failed = await second();
  assert.deepEqual(
    [failed.state, failed.error, failed.log[0]?.status, failed.log[0]?.output],
    ['pending', 'It ended with exit code 3.', 3, `it's "so" ${failed.runId}\n`],
  );
  assert.match((await third()).error, /could not be started.*ENOENT/);
});

test('a command that takes too long is ended with its group, and one that talks too much is cut', async (t) => {
  const { told, deliverer, folder } = await ground(t);
  const slow = await told(
    { kind: 'script', text: 'sleep 300 & echo $! > pid; wait', shell: 'sh' },
    { timeoutMs: 1000 },
  );
  const loud = await told({ kind: 'script', text: 'head -c 1000000 /dev/zero | tr "\\0" x', shell: 'sh' });
  await deliverer().settled(20_000);
  assert.equal((await slow()).error, 'It took longer than 1000 ms and was ended.');
  assert.equal((await loud()).log[0]?.output.length, 65_536);
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  await until(async () => {
    try {
      process.kill(pid, 0);
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] === 'Z';
    } catch {
      return true;
    }
  });
});

test('the end of a manager ends its tries, and they are due again', async (t) => {
  const { told, deliverer } = await ground(t);
  const standing = await told({ kind: 'command', argv: ['sleep', '300'] });
  const it = deliverer();
  it.wake();
  await until(async () => (await standing()).tries === 1);
  await it.close(0);
  const { state, nextMs } = await standing();
  assert.deepEqual([state, nextMs], ['pending', START]);
});

test('what is being claimed as a manager ends is tried, or given back, before it is gone', async (t) => {
  const { webhook, told, deliverer, store } = await ground(t);
  const standing = await told(webhook());
  const claiming = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const slow: DelivererOptions['store'] = {
    async claimDeliveries(...args) {
      claiming.resolve();
      await gate.promise;
      return store.claimDeliveries(...args);
    },
    nextDeliveryMs: (nowMs) => store.nextDeliveryMs(nowMs),
    endTry: (end) => store.endTry(end),
  };
  const it = deliverer({ store: slow });
  it.wake();
  await claiming.promise;
  const closed = it.close(20_000);
  gate.resolve();
  await closed;
  assert.deepEqual([(await standing()).state, it.active], ['acknowledged', 0]);
});
