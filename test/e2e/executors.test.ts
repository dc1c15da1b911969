/** Executors: launched, warm, gone; started by hand and given; killed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Client, credentials, Metadata, makeGenericClientConstructor } from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { rowsOf } from './left-behind.ts';
import { newPlace, until } from './place.ts';
import { isAlive, pidIn } from './programs.ts';

const place = newPlace();
after(() => place.leave());

const HELLO = 'name: hello\nprocessors:\n  greet: { run: echo hello }\n';

test('an executor is launched when needed, stays warm for the next command, and is gone when nothing runs', async () => {
  place.write('hello.yaml', HELLO);
  const env = { WIZ_WARM: '2' };
  const executorOf = async () => {
    await place.out(['run', 'hello.yaml'], { env });
    const { processors } = await place.json(['runs', 'get', 'latest'], { env });
    return processors[0].attempts[0].executorId as string;
  };
  let executorId = await executorOf();
  await until('two runs in a row have the same executor', async () => {
    const before = executorId;
    executorId = await executorOf();
    return executorId === before;
  });

  const folder = join(place.home, 'executors', executorId);
  const pids = rowsOf(place.home, 'executors').map(({ pid }) => Number(pid));
  assert.ok(pids.length > 0);
  await until('it and its socket are gone', () => !pids.some(isAlive) && !existsSync(join(folder, 'socket')));
  assert.deepEqual(await place.json(['executor', 'list'], { env }), []);
  assert.ok(!existsSync(folder));
});

test('executor stop leaves one that works, names it and exits with 3; --force ends its programs', async () => {
  place.write(
    'long.yaml',
    "name: long\nprocessors:\n  wait: { run: 'echo $$ > pid.new; mv pid.new pid; sleep 89' }\n",
  );
  const running = place.start(['run', 'long.yaml']);
  const pid = await pidIn(join(place.folder, 'pid'));
  const busy = await place.run(['executor', 'stop']);
  const [{ executorId }] = await place.json(['executor', 'list']);
  assert.equal(busy.code, 3, busy.stdout);
  assert.ok((busy.stdout + busy.stderr).includes(executorId));
  assert.ok(isAlive(pid));
  running.child.kill('SIGINT');
  assert.equal((await running.ended).code, 1);
  // Asked to end, it does so when its work is done, perhaps before it is asked again.
  await place.out(['executor', 'stop']);
  await until('it is gone', () => !existsSync(join(place.home, 'executors', executorId)));
});

test('kill -9 of a local executor: another is started, and the run goes on', async () => {
  place.write(
    'killed.yaml',
    `name: killed
processors:
  victim: { run: 'echo $$ > victim.new; mv victim.new victim; until test -e go; do sleep 0.05; done; echo $WIZ_ATTEMPT' }
`,
  );
  const running = place.start(['run', 'killed.yaml']);
  const pid = await pidIn(join(place.folder, 'victim'));
  const [killed] = await place.json(['executor', 'list']);
  process.kill(killed.pid, 'SIGKILL');
  await until('the program of the dead executor is gone', () => !isAlive(pid));
  place.write('go', '');
  const { code, stdout } = await running.ended;
  assert.equal(code, 0, stdout);
  const { processors } = await place.json(['runs', 'get', 'latest']);
  const [lost, again] = processors[0].attempts;
  assert.deepEqual([lost.reason, lost.failureClass], ['lost', 'FAILURE_CLASS_INFRA']);
  assert.notEqual(again.executorId, killed.executorId);
  assert.equal(processors[0].output.text, '2\n');
});

test('wiz executor, with no manager: a stock gRPC client gets SERVING; wiz run --executor uses it', async () => {
  place.write('hello.yaml', HELLO);
  const own = { WIZ_EXECUTOR_TOKEN: 'a-secret' };
  const executor = place.start(['executor', '--listen', '127.0.0.1:0', '--id', 'mine', '--slots', '2'], {
    env: own,
  });
  await executor.prints(/\n/);
  const told = JSON.parse(executor.stdout);
  assert.deepEqual([told.executorId, told.slots], ['mine', 2]);

  const Health = makeGenericClientConstructor(health, 'Health');
  const client = new Health(told.address, credentials.createInsecure());
  const answer = await new Promise((resolve, reject) => {
    client.check!({ service: '' }, (error: Error | null, value: unknown) =>
      error ? reject(error) : resolve(value),
    );
  });
  client.close();
  assert.deepEqual(answer, { status: 'SERVING' });
  const services = await servicesOf(told.address, own.WIZ_EXECUTOR_TOKEN);
  for (const name of ['wiz.v1.ExecutorService', 'grpc.health.v1.Health'])
    assert.ok(services.includes(name), services);

  await place.out(['run', 'hello.yaml', '--executor', told.address], { env: own });
  const { processors } = await place.json(['runs', 'get', 'latest']);
  assert.equal(processors[0].attempts[0].executorId, 'mine');
  assert.equal(await place.out(['runs', 'logs', 'latest']), 'hello\n');
  const by = ['exec', '--executor', told.address, '--', 'sh', '-c', 'echo by $PPID'];
  assert.match(await place.out(by, { env: own }), /^by \d+\n$/);

  const before = await place.json(['runs', 'list']);
  const refused = await place.run(['run', 'hello.yaml', '--executor', told.address], {
    env: { WIZ_EXECUTOR_TOKEN: 'another' },
  });
  assert.equal(refused.code, 3, refused.stdout + refused.stderr);
  assert.match(refused.stderr, /refused the token/);
  assert.deepEqual(await place.json(['runs', 'list']), before);

  executor.child.kill('SIGTERM');
  assert.equal((await executor.ended).code, 0);
  const gone = await place.run(['run', 'hello.yaml', '--executor', told.address], { env: own });
  assert.equal(gone.code, 3, gone.stdout + gone.stderr);
  assert.ok(gone.stderr.includes(told.address), gone.stderr);
  // What is gone is listed no more, once that was seen.
  await until('no executor is listed', async () => (await place.json(['executor', 'list'])).length === 0);
});

/** What gRPC reflection (v1) lists, as bytes: names stand in them as text. */
async function servicesOf(address: string, token: string): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const stream = client.makeBidiStreamRequest(path, same, same, metadata);
  // ServerReflectionRequest { list_services: "" }
  stream.end(Buffer.from([0x3a, 0x00]));
  const [answer] = (await once(stream, 'data')) as [Buffer];
  client.close();
  return answer.toString('latin1');
}

test('a network address without TLS or token is refused', async () => {
  const noToken = await place.run(['executor', '--listen', '127.0.0.1:0']);
  assert.deepEqual([noToken.code, noToken.stdout], [2, '']);
  assert.match(noToken.stderr, /WIZ_EXECUTOR_TOKEN/);
  const open = await place.run(['executor', '--listen', '0.0.0.0:0'], { env: { WIZ_EXECUTOR_TOKEN: 'x' } });
  assert.deepEqual([open.code, open.stdout], [2, '']);
  assert.match(open.stderr, /TLS/);
});
