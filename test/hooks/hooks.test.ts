import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { answers, type Received, startReceiver, staysSilent } from '../../manager/hooks/receiver.fixture.ts';
import { DeliveryState } from '../../proto/gen/wiz/v1/hooks_pb.js';
import { startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { type Place, placeFor, until } from '../e2e/place.ts';
import { postgresForTests } from '../postgres.ts';

/** Hooks with the built bin: bundled, and on a daemon that is killed at the worst moments. */

const postgresServer = postgresForTests();

async function ground(t: TestContext) {
  const receiver = await startReceiver();
  t.after(() => receiver.close());
  return { place: placeFor(t), receiver };
}

const typesOf = (received: readonly Received[]) => received.map(({ body }) => JSON.parse(body).type).sort();

async function deliveriesOf(place: Place, ...flags: string[]) {
  const deliveries = (await place.json(['hooks', 'deliveries', ...flags])) as {
    deliveryId: string;
    state: string;
    event: string;
    tries: number;
    error?: string;
  }[];
  return deliveries.map(({ state, ...rest }) => ({ ...rest, state: state.replace('DELIVERY_STATE_', '') }));
}

test('each hook is told once of a success, a failure and a cancel', async (t) => {
  const { place, receiver } = await ground(t);
  place.write(
    'p.yaml',
    `name: told
params: { code: "0" }
secrets: { KEY: { env: HOOK_KEY } }
processors:
  work: { run: "echo up; [ $CODE != wait ] || sleep 300; exit $CODE" }
hooks:
  - on: [run.succeeded, run.failed, run.cancelled]
    webhook: { url: "${receiver.url}/\${{ run.pipeline }}", secret: KEY }
  - on: processor.failed
    processors: work
    command: [sh, -c, 'cat >> told.jsonl; echo >> told.jsonl']
`,
  );
  const env = { HOOK_KEY: 'whsec_c2VjcmV0IG9mIHRoZSB0ZXN0' };
  assert.equal((await place.run(['run', 'p.yaml'], { env })).code, 0);
  assert.equal((await place.run(['run', 'p.yaml', '-p', 'code=3'], { env })).code, 1);
  const waiting = place.start(['run', 'p.yaml', '-p', 'code=wait', '--json'], { env });
  await waiting.prints(/attemptStarted/);
  waiting.child.kill('SIGINT');
  await waiting.ended;

  assert.deepEqual(typesOf(receiver.received), ['run.cancelled', 'run.failed', 'run.succeeded']);
  for (const { path, headers, body } of receiver.received) {
    assert.equal(path, '/told');
    const { id, data } = JSON.parse(body);
    assert.equal(headers['webhook-id'], id);
    const signed = `${id}.${headers['webhook-timestamp']}.${body}`;
    const digest = createHmac('sha256', 'secret of the test').update(signed).digest('base64');
    assert.equal(headers['webhook-signature'], `v1,${digest}`);
    assert.equal(data.run.pipeline, 'told');
    assert.ok(!body.includes('secret of the test'));
  }
  const told = readFileSync(join(place.folder, 'told.jsonl'), 'utf8').trim().split('\n');
  const failed = told.map((line) => JSON.parse(line).data.processor);
  // The one that was cancelled has failed too.
  assert.deepEqual(
    failed.map(({ name, exitCode, reason }) => [name, reason, exitCode]),
    [
      ['work', 'exit-code', 3],
      ['work', 'cancelled', 0],
    ],
  );
  const all = await deliveriesOf(place);
  assert.deepEqual([...new Set(all.map(({ state, tries }) => `${state} ${tries}`))], ['ACKNOWLEDGED 1']);
  assert.equal(all.length, 5);
});

test('a hook that fails fails no run, is seen where the run is, and can be told again', async (t) => {
  const { place, receiver } = await ground(t);
  receiver.behave(answers(410, {}, 'gone for good'), answers(204));
  place.write(
    'p.yaml',
    `name: told
processors: { work: { run: echo hi } }
hooks: [{ on: run.succeeded, webhook: { url: "${receiver.url}" } }]
`,
  );
  await place.out(['run', 'p.yaml']);
  const { run } = await place.json(['runs', 'get', 'latest']);
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
  assert.match(run.warnings[0], /The hook http.* was not told \(disabled\) of run.succeeded: HTTP 410/);
  const { deliveryId } = (await deliveriesOf(place, '--failed', '--run', 'latest'))[0]!;
  assert.match(await place.out(['hooks', 'show', deliveryId]), /try 1.*HTTP 410\.\n {4}gone for good/);

  // What is gone is not asked again.
  await place.out(['run', 'p.yaml']);
  assert.equal(receiver.received.length, 1);
  await place.out(['hooks', 'redeliver', deliveryId]);
  assert.equal(receiver.received.length, 2);
  assert.equal(receiver.received[1]!.headers['webhook-id'], deliveryId);
  await place.out(['run', 'p.yaml']);
  assert.equal(receiver.received.length, 3);
  const missing = await place.run(['hooks', 'show', 'nothing']);
  assert.deepEqual([missing.code, /There is no delivery "nothing"/.test(missing.stderr)], [2, true]);
});

test('a manager that is killed before it has the answer: the next one delivers, under the same id', async (t) => {
  const { place, receiver } = await ground(t);
  // Nobody may reach it under another name than its own.
  const config = place.write(
    'wiz.yaml',
    `hooks:
  publicUrl: https://wiz.example.org
  secrets: { KEY: { env: GLOBAL_KEY } }
  global:
    - on: [run.succeeded, run.failed]
      pipelines: [to*]
      webhook: { url: ${receiver.url}, secret: KEY, headers: { x-team: "\${{ run.pipeline }}" } }
`,
  );
  const options = { args: ['--config', config], env: { GLOBAL_KEY: 'abc' } };
  receiver.behave(staysSilent, answers(204));
  const first = await startDaemon(place, options);
  const other = 'name: other\nprocessors: { work: { run: "true" } }\n';
  await watchToEnd(first.api, await startRun(first.api, place, other));
  const runId = await startRun(first.api, place, 'name: told\nprocessors: { work: { run: "true" } }\n');
  await receiver.count(1);
  await first.kill();

  const second = await startDaemon(place, options);
  await receiver.count(2);
  const [one, two] = receiver.received as [Received, Received];
  assert.equal(one.headers['webhook-id'], two.headers['webhook-id']);
  assert.equal(one.body, two.body);
  assert.equal(JSON.parse(two.body).links.run, `https://wiz.example.org/api/v1/runs/${runId}`);
  assert.equal(two.headers['x-team'], 'told');
  await until('it is acknowledged', async () => (await deliveriesOf(place))[0]?.state === 'ACKNOWLEDGED');
  assert.deepEqual(
    (await deliveriesOf(place)).map(({ tries }) => tries),
    [2],
  );
  await second.stop();
  assert.equal(receiver.received.length, 2);
});

test('kill -9 of a daemon at any moment loses no delivery', async (t) => {
  const { place, receiver } = await ground(t);
  const RUNS = 12;
  const text = (n: number) => `name: told
labels: { n: "${n}" }
processors: { work: { run: "true" } }
hooks: [{ on: [run.started, run.succeeded], webhook: { url: "${receiver.url}" } }]
`;
  const runs: string[] = [];
  let daemon = await startDaemon(place);
  for (let n = 0; n < RUNS; n++) {
    runs.push(await startRun(daemon.api, place, text(n)));
    if (n % 4 !== 3) continue;
    // Somewhere between the commit, the request and the answer.
    await new Promise((resolve) => setTimeout(resolve, n * 7));
    await daemon.kill();
    daemon = await startDaemon(place);
  }
  for (const runId of runs) await watchToEnd(daemon.api, runId);
  await until('all is acknowledged', async () =>
    (await deliveriesOf(place)).every(({ state }) => state === 'ACKNOWLEDGED'),
  );
  await daemon.stop();
  const ids = receiver.received.map(({ headers }) => String(headers['webhook-id']));
  assert.equal(new Set(ids).size, 2 * RUNS);
  const all = await deliveriesOf(place, '--limit', '100');
  assert.deepEqual(all.map(({ deliveryId }) => deliveryId).sort(), [...new Set(ids)].sort());
});

test('a shared manager runs no commands of pipelines unless it is told to', async (t) => {
  const { place } = await ground(t);
  const text = `name: told
processors: { work: { run: "true" } }
hooks: [{ on: run.succeeded, run: "echo $WIZ_RUN_ID > told" }]
`;
  const daemon = await startDaemon(place);
  await assert.rejects(
    startRun(daemon.api, place, text),
    /hooks\[0\] of pipeline "told" runs a command.*hooks.allow.commands/,
  );
  await daemon.stop();
  const other = await startDaemon(place, { args: ['--set', 'hooks.allow.commands=true'] });
  const runId = await startRun(other.api, place, text);
  const file = join(place.folder, 'told');
  await until('it is told', () => existsSync(file) && readFileSync(file, 'utf8') !== '');
  assert.equal(readFileSync(file, 'utf8'), `${runId}\n`);
  await other.stop();
});

test('two daemons on PostgreSQL, one of them killed: each delivery is acknowledged once', async (t) => {
  const { place, receiver } = await ground(t);
  const database = await (await postgresServer()).newDatabase();
  const options = { env: { WIZ_STORE: database } };
  const left = await startDaemon(place, options);
  const lost = await startDaemon(place, options);
  const RUNS = 10;
  const text = `name: told
processors: { work: { run: "true" } }
hooks: [{ on: [run.started, run.succeeded], webhook: { url: "${receiver.url}" } }]
`;
  // The first answer does not come: its manager dies with it.
  receiver.behave(staysSilent, staysSilent, answers(204));
  const runs: string[] = [];
  for (let n = 0; n < RUNS; n++) runs.push(await startRun((n % 2 === 0 ? lost : left).api, place, text));
  await receiver.count(4);
  await lost.kill();
  for (const runId of runs) await watchToEnd(left.api, runId);
  const ids = () => new Set(receiver.received.map(({ headers }) => String(headers['webhook-id'])));
  await until('each was told', () => ids().size === 2 * RUNS);
  await until('all is acknowledged', async () => {
    const { deliveries } = await left.api.hooks.listDeliveries({});
    return (
      deliveries.length === 2 * RUNS && deliveries.every(({ state }) => state === DeliveryState.ACKNOWLEDGED)
    );
  });
  await left.stop();
});
