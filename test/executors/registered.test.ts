/** Executors that are added to a daemon, and what is refused. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { ExecutorState } from '../../proto/gen/wiz/v1/managers_pb.js';
import { newCertificate } from '../certificate.ts';
import { startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { newPlace, until } from '../e2e/place.ts';
import { tcpProxy } from '../tcp-proxy.ts';
import { newAuthority, startRemote, TOKEN, untilListed, untilState } from './remote-executor.ts';

const place = newPlace();
after(() => place.leave());

const NO_LOCAL = { WIZ_LOCAL_EXECUTORS: 'false' };
const OWN = { WIZ_EXECUTOR_TOKEN: TOKEN };
const { authority, certificate } = newAuthority();
const ca = place.write('ca.pem', authority.certificate);

/** As many processors as there are, each on its own, long enough for all executors to get some. */
function wide(count: number, script = 'sleep 0.3; echo $PPID'): string {
  const names = Array.from({ length: count }, (_, n) => `  p${n}: { run: '${script}' }\n`);
  return `name: wide\nprocessors:\n${names.join('')}`;
}

test('two executors with TLS, one behind a bad way, share a run; what another manager added is used at once', async (t) => {
  const [one, two] = [
    await startRemote(t, place, { certificate }),
    await startRemote(t, place, { certificate }),
  ];
  const way = await tcpProxy(t, two.address);
  const daemon = await startDaemon(place, { env: NO_LOCAL });
  const added = await place.json(
    ['executors', 'add', one.address, '--tls-ca', ca, '--name', 'one', '--label', 'gpu=a100'],
    { env: OWN },
  );
  assert.deepEqual(
    [added.name, added.executorId, added.tls, added.labels],
    ['one', one.executorId, true, { gpu: 'a100' }],
  );
  assert.ok(!JSON.stringify(added).includes(TOKEN));
  await untilState(daemon.api, 'one', ExecutorState.JOINED);

  // While a run waits for more room.
  const runId = await startRun(daemon.api, place, wide(24, 'until test -e go; do sleep 0.05; done'));
  await place.out(['executors', 'add', way.address, '--tls-ca', ca, '--name', 'two'], { env: OWN });
  await untilState(daemon.api, 'two', ExecutorState.JOINED);
  way.delay(3);
  way.halve();
  await untilListed(daemon.api, 'two', 'has work', ({ running }) => running === 8);
  place.write('go', '');
  const { events, state } = await watchToEnd(daemon.api, runId);
  assert.equal(state, RunState.SUCCEEDED);
  const by = new Map<string, number>();
  for (const { event } of events) {
    if (event.case !== 'attemptStarted') continue;
    by.set(event.value.executorId, (by.get(event.value.executorId) ?? 0) + 1);
  }
  assert.deepEqual([...by.keys()].sort(), [one.executorId, two.executorId].sort(), JSON.stringify([...by]));

  const { executors } = await daemon.api.manager.listExecutors({});
  const seen = executors.find(({ name }) => name === 'two')!;
  assert.ok(
    seen.load!.cores > 0 && seen.load!.memoryBytes > 0 && seen.load!.managers > 0,
    JSON.stringify(seen.load),
  );
  const table = await place.out(['executors', 'list']);
  assert.match(table, /one +registered +(joined|up)/);
  assert.doesNotMatch(table, new RegExp(TOKEN));

  for (const name of ['one', 'two']) await place.out(['executors', 'remove', name]);
  await until('nothing is listed', async () => (await place.json(['executors', 'list'])).length === 0);
  await daemon.stop();
});

test('what cannot be used is not registered, and it is said why', async (t) => {
  const good = await startRemote(t, place, { certificate });
  const clear = await startRemote(t, place);
  const names = ['executor.example'];
  const expired = await startRemote(t, place, {
    certificate: newCertificate('expired', { issuer: authority, expired: true }),
  });
  const named = await startRemote(t, place, {
    certificate: newCertificate('named', { issuer: authority, names }),
  });
  const other = place.write('other.pem', newCertificate('another authority').certificate);
  const junk = place.write('junk.pem', 'no certificate');
  const silent = await tcpProxy(t, good.address);
  silent.cut();
  const refused = async (code: number, message: RegExp, args: string[], token = TOKEN) => {
    const ended = await place.run(['executors', 'add', ...args], { env: { WIZ_EXECUTOR_TOKEN: token } });
    assert.match(ended.stderr, message, args.join(' '));
    assert.equal(ended.code, code, ended.stderr);
    assert.ok(!(ended.stdout + ended.stderr).includes(token || TOKEN), ended.stderr);
  };
  await refused(
    2,
    /refused the token.*Nothing was registered/s,
    [good.address, '--tls-ca', ca],
    'a-wrong-one',
  );
  await refused(2, /wants a token/, [good.address, '--tls-ca', ca], '');
  await refused(3, /cannot be reached: it hangs up/, [silent.address, '--tls-ca', ca]);
  await refused(3, /certificate.*authority/s, [good.address, '--tls-ca', other]);
  await refused(3, /certificate.*authority/s, [good.address, '--tls']);
  await refused(3, /certificate.*expired/s, [expired.address, '--tls-ca', ca]);
  await refused(3, /certificate is for another name/, [named.address, '--tls-ca', ca]);
  await refused(3, /TLS/, [clear.address, '--tls-ca', ca]);
  await refused(3, /may speak TLS/, [good.address]);
  await refused(2, /not in PEM/, [good.address, '--tls-ca', junk]);
  await refused(2, /another machine.*--insecure/s, ['executor.example:7000']);
  await refused(2, /no address/, ['nowhere']);
  await refused(2, /no name of an executor/, [good.address, '--tls-ca', ca, '--name', 'a b']);

  await place.out(
    ['executors', 'add', named.address, '--tls-ca', ca, '--tls-name', names[0]!, '--name', 'n'],
    {
      env: OWN,
    },
  );
  await place.out(['executors', 'add', good.address, '--tls-ca', ca, '--name', 'g'], { env: OWN });
  await refused(2, /already: registered as g/, [good.address, '--tls-ca', ca, '--name', 'h']);
  const otherWay = await tcpProxy(t, good.address);
  await refused(2, /already: registered as g/, [otherWay.address, '--tls-ca', ca]);
  await refused(2, /under the name g/, [clear.address, '--name', 'g']);
  const unknown = await place.run(['executors', 'remove', 'nobody']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /no executor "nobody"/);
  for (const name of ['g', 'n']) await place.out(['executors', 'remove', name]);
  rmSync(join(place.folder, 'junk.pem'));
});

test('an executor that is started again at its address goes on under its registration', async (t) => {
  const first = await startRemote(t, place);
  const daemon = await startDaemon(place, { env: NO_LOCAL });
  await place.out(['executors', 'add', first.address, '--name', 'again'], { env: OWN });
  await untilState(daemon.api, 'again', ExecutorState.JOINED);
  first.kill();
  await untilState(daemon.api, 'again', ExecutorState.UNHEALTHY);
  const second = await startRemote(t, place, { address: first.address });
  await untilState(daemon.api, 'again', ExecutorState.JOINED);
  const { executors } = await daemon.api.manager.listExecutors({});
  assert.equal(executors.find(({ name }) => name === 'again')!.executorId, second.executorId);
  const runId = await startRun(daemon.api, place, wide(1));
  assert.equal((await watchToEnd(daemon.api, runId)).state, RunState.SUCCEEDED);
  await place.out(['executors', 'remove', 'again', '--force']);
  await daemon.stop();
});

test('wiz run uses registered executors beside its own, and does without those that are away', async (t) => {
  const [there, away] = [await startRemote(t, place), await startRemote(t, place)];
  for (const [name, { address }] of Object.entries({ there, away })) {
    await place.out(['executors', 'add', address, '--name', name], { env: OWN });
  }
  away.kill();
  place.write('wide.yaml', wide(40, 'sleep 0.2'));
  await place.out(['run', 'wide.yaml'], { env: { WIZ_SLOTS: '4' } });
  const { processors } = await place.json(['runs', 'get', 'latest']);
  const by = new Set(
    processors.flatMap((one: { attempts: { executorId: string }[] }) =>
      one.attempts.map((it) => it.executorId),
    ),
  );
  assert.ok(by.has(there.executorId), JSON.stringify([...by]));
  assert.equal(by.size, 2, JSON.stringify([...by]));
  for (const name of ['there', 'away']) await place.out(['executors', 'remove', name, '--force']);
});
