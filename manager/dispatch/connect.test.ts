import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WizError } from '../../proto/error.ts';
import { connect, createConnect } from './connect.ts';
import { type FakeExecutor, type FakeExecutorOptions, serveFakeExecutor } from './fake-executor.ts';
import type { SessionHandlers } from './session.ts';

const TOKEN = 'secret';

async function fake(t: TestContext, options: Partial<FakeExecutorOptions> = {}): Promise<FakeExecutor> {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-connect-'));
  const executor = await serveFakeExecutor({ address: `unix:${folder}/s`, token: TOKEN, ...options });
  t.after(() => {
    executor.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return executor;
}

/** Handlers that keep what they are called with, as [name, executor, value], and let a test wait for it. */
function recorder() {
  const calls: [string, string, unknown][] = [];
  let wake = () => {};
  const note = (name: string) => (executorId: string, value: unknown) => {
    calls.push([name, executorId, value]);
    wake();
  };
  const handlers: SessionHandlers = {
    reports: note('reports'),
    logs: note('logs'),
    progress: note('progress'),
    refusals: note('refusals'),
    wanted: note('wanted'),
    load: () => {},
    broken: note('broken'),
  };
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { calls, handlers, until, names: () => calls.map(([name]) => name) };
}

const base = { token: TOKEN, managerId: 'm1', runs: [] };
const report = (processor: string) => ({ runId: 'a', epoch: 1, reports: [{ processor, attempt: 1 }] });
const assignments = (count: number, inputJson = '') => [
  {
    runId: 'a',
    epoch: 1,
    assignments: Array.from({ length: count }, (_, n) => ({ processor: `p${n}`, inputJson })),
  },
];
const received = (executor: FakeExecutor) =>
  executor.received.flatMap((message) => message.assignments.flatMap((part) => part.assignments));
const arrival = (executor: FakeExecutor, condition: () => boolean) =>
  new Promise<void>((resolve) => {
    executor.onMessage = () => condition() && resolve();
    executor.onMessage(executor.received[0]!);
  });

for (const address of ['unix', '127.0.0.1:0']) {
  test(`hello names the runs and the welcome comes back (${address})`, async (t) => {
    const executor = await fake(t, address === 'unix' ? {} : { address });
    const { session, welcome } = await connect({
      ...base,
      address: executor.address,
      runs: [{ runId: 'a', epoch: 3 }],
      handlers: recorder().handlers,
    });
    t.after(() => session.close());
    assert.deepEqual([session.executorId, session.slots, welcome.executorId], ['fake', 4, 'fake']);
    const { hello } = executor.received[0]!;
    assert.equal(hello!.managerId, 'm1');
    assert.deepEqual([hello!.runs[0]!.runId, hello!.runs[0]!.epoch], ['a', 3]);
  });
}

test('what comes before the caller of connect has gone on is held back, and kept in order', async (t) => {
  const executor = await fake(t, {
    onHello: (self) => {
      self.say({ welcome: { executorId: 'fake', slots: 1 }, reports: [report('first')] });
      self.say({ reports: [report('second')], logs: [{ runId: 'a', processor: 'second' }] });
    },
  });
  const { calls, handlers, until, names } = recorder();
  const { session } = await connect({ ...base, address: executor.address, handlers });
  t.after(() => session.close());
  await null;
  assert.deepEqual(calls, []);
  await until(() => calls.length === 3);
  assert.deepEqual(names(), ['reports', 'logs', 'reports'], 'an attempt’s log comes before its report');
});

test('what is sent in one turn is one message; a large batch is several, in order', async (t) => {
  const executor = await fake(t);
  const { session } = await connect({ ...base, address: executor.address, handlers: recorder().handlers });
  t.after(() => session.close());

  session.send({ assignments: assignments(2) });
  session.send({ acks: [{ runId: 'a', epoch: 1, attempts: [{ processor: 'x', attempt: 1 }] }] });
  await arrival(executor, () => executor.received.length > 1);
  assert.equal(executor.received.length, 2);
  assert.equal(executor.received[1]!.acks[0]!.attempts[0]!.processor, 'x');

  executor.received.length = 1;
  session.send({ assignments: assignments(5000) });
  await arrival(executor, () => received(executor).length === 5000);
  assert.deepEqual(
    executor.received.slice(1).map((message) => message.assignments[0]!.assignments.length),
    [2000, 2000, 1000],
  );
});

test('an executor that does not read gets everything, in order, once it does', async (t) => {
  const executor = await fake(t);
  const { session } = await connect({ ...base, address: executor.address, handlers: recorder().handlers });
  t.after(() => session.close());
  executor.stream!.pause();

  // 128 MiB in 32 messages: far more than the streams and the socket hold.
  const input = 'x'.repeat(1024 * 1024);
  for (let batch = 0; batch < 4; batch += 1) session.send({ assignments: assignments(32, input) });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(received(executor).length, 0);

  executor.stream!.resume();
  await arrival(executor, () => received(executor).length === 128);
  const names = Array.from({ length: 128 }, (_, n) => `p${n % 32}`);
  assert.deepEqual(
    received(executor).map(({ processor }) => processor),
    names,
  );
});

test('an assignment that no message can carry comes back as a failed report, the session lives', async (t) => {
  const executor = await fake(t);
  const { calls, handlers, until } = recorder();
  const { session } = await connect({ ...base, address: executor.address, handlers });
  t.after(() => session.close());

  session.send({ assignments: assignments(1, 'x'.repeat(70 * 1024 * 1024)) });
  await until(() => calls.length === 1);
  const [name, , value] = calls[0]!;
  const failed = (value as { reports: { reason: string; message: string }[] }[])[0]!.reports[0]!;
  assert.deepEqual([name, failed.reason], ['reports', 'input-too-large']);
  assert.match(failed.message, /The input of p0 has 71 MiB, and at most 63 MiB reach an executor/);

  session.send({ assignments: assignments(1) });
  await arrival(executor, () => received(executor).length === 1);
});

test('an executor that goes away breaks the session once, and the next connect works at once', async (t) => {
  const executor = await fake(t);
  const { calls, handlers, until, names } = recorder();
  const { session } = await connect({ ...base, address: executor.address, handlers });
  executor.close();
  await until(() => calls.length > 0);
  session.send({ assignments: assignments(1) });
  session.close();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(names(), ['broken']);
  assert.match((calls[0]![2] as Error).message, /^The executor at unix:.* cannot be reached: /);

  await assert.rejects(connect({ ...base, address: executor.address, handlers }), { code: 'unavailable' });
  const again = await fake(t, { address: executor.address });
  (await connect({ ...base, address: again.address, handlers })).session.close();
});

test('an executor that ends the stream by itself breaks the session', async (t) => {
  const executor = await fake(t);
  const { calls, handlers, until, names } = recorder();
  await connect({ ...base, address: executor.address, handlers });
  executor.stream!.end();
  await until(() => calls.length > 0);
  assert.deepEqual(names(), ['broken']);
  assert.match((calls[0]![2] as Error).message, /it ended the session/);
});

test('three silent heartbeats break the session; any message counts as one', async (t) => {
  const executor = await fake(t);
  const { calls, handlers, until, names } = recorder();
  // Milliseconds; long, so that a machine that does much else is not taken for silence.
  const beat = 100;
  const options = { ...base, address: executor.address, handlers };
  const { session } = await createConnect({ heartbeatMs: beat })(options);
  t.after(() => session.close());

  // Twice the time that silence may last.
  for (let said = 0; said < 16; said += 1) {
    executor.say({ load: { running: 1 } });
    await new Promise((resolve) => setTimeout(resolve, beat / 2));
  }
  assert.deepEqual(calls, []);
  await until(() => calls.length > 0);
  assert.deepEqual(names(), ['broken']);
  assert.match((calls[0]![2] as Error).message, /silent for 3 heartbeats/);
});

test('close hands over what was sent, then ends; no handler is called after it', async (t) => {
  const executor = await fake(t);
  const { calls, handlers } = recorder();
  const { session } = await connect({ ...base, address: executor.address, handlers });
  const ended = once(executor.stream!, 'end');
  session.send({ assignments: assignments(3000) });
  session.close();
  executor.say({ reports: [report('late')] });
  await ended;
  assert.equal(received(executor).length, 3000);
  assert.deepEqual(calls, []);
});

test('a wrong token is refused by name', async (t) => {
  const executor = await fake(t);
  await assert.rejects(
    connect({ ...base, token: 'guess', address: executor.address, handlers: recorder().handlers }),
    (error) =>
      error instanceof WizError &&
      error.code === 'unauthenticated' &&
      /refused the token/.test(error.message),
  );
});

test('no welcome within the time-out is unavailable', async (t) => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const { port } = silent.address() as { port: number };
  await assert.rejects(
    connect({ ...base, address: `127.0.0.1:${port}`, handlers: recorder().handlers, timeoutMs: 50 }),
    { code: 'unavailable', message: /no welcome within 0.05 s/ },
  );
});
