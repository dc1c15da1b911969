/** Executors that die, stand still, are cut off, and are drained, while runs are on them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Event, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import { ExecutorState } from '../../proto/gen/wiz/v1/managers_pb.js';
import { type Daemon, startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { newPlace, type Place, placeFor, until } from '../e2e/place.ts';
import { isAlive, pidIn } from '../e2e/programs.ts';
import { checkJournal } from '../managers/several.fixture.ts';
import { tcpProxy } from '../tcp-proxy.ts';
import {
  addRemote,
  newAuthority,
  type RemoteExecutor,
  startRemote,
  TOKEN,
  untilListed,
  untilState,
} from './remote-executor.ts';

/** So much passes between two breaks: a handshake with TLS takes about 5,000. */
const BREAK_BYTES = 12_000;

/** Seconds of the executors' grace: longer than a session's own three heartbeats. */
const GRACE_S = 3;
const { authority, certificate } = newAuthority();

/** A daemon without executors of its own, and two that it knows; to the first one there may be a way that can be made bad. */
async function two(t: TestContext, { way: hasWay = false, flags = [] as string[], graceS = GRACE_S } = {}) {
  // One for each test, so that what is left of one is not seen by the next.
  const place = newPlace();
  const options = { certificate, flags };
  const starting = Promise.all([startRemote(t, place, options), startRemote(t, place, options)]);
  // After they are gone, whatever became of the test, or of their start.
  t.after(() => place.leave());
  const [one, other] = await starting;
  const daemon = await startDaemon(place, {
    env: { WIZ_LOCAL_EXECUTORS: 'false', WIZ_EXECUTOR_GRACE: `${graceS}` },
  });
  const way = hasWay ? await tcpProxy(t, one.address) : undefined;
  await addRemote(daemon.api, 'one', way?.address ?? one.address, authority);
  await addRemote(daemon.api, 'other', other.address, authority);
  const leave = async () => {
    for (const name of ['one', 'other'])
      await daemon.api.manager.removeExecutor({ executor: name, force: true });
    await daemon.stop();
  };
  return { place, one, other, way: way!, daemon, leave };
}

/** Each writes its own process id, and goes on when it may; one line of log for each attempt. */
function waiting(count: number): string {
  const script = 'echo $$ > $1.new; mv $1.new $1; until test -e go; do sleep 0.05; done; echo went';
  const names = Array.from(
    { length: count },
    (_, n) => `  p${n}: { run: 'set -- "pid-$WIZ_PROCESSOR-$WIZ_ATTEMPT"; ${script}' }\n`,
  );
  return `name: waiting\nprocessors:\n${names.join('')}`;
}

/** Starts the run in a folder of its own, and waits until each of its first attempts runs. */
async function started(place: Place, daemon: Daemon, folder: string, count: number) {
  place.write(join(folder, 'x'), '');
  const runId = await startRun(daemon.api, { ...place, folder: join(place.folder, folder) }, waiting(count));
  const pids = await Promise.all(
    Array.from({ length: count }, (_, n) => pidIn(join(place.folder, folder, `pid-p${n}-1`))),
  );
  return { runId, pids, go: () => place.write(join(folder, 'go'), '') };
}

interface Attempt {
  name: string;
  executorId: string;
  reason: string;
  failureClass: FailureClass;
}

/** Attempts in the order of their ends, and that each was counted once. */
function attemptsOf(events: Event[]): Attempt[] {
  checkJournal(events, 'the run');
  const where = new Map<string, string>();
  const attempts: Attempt[] = [];
  for (const { event } of events) {
    if (event.case === 'attemptStarted') {
      where.set(`${event.value.processor}#${event.value.attempt}`, event.value.executorId);
    } else if (event.case === 'attemptEnded') {
      const { processor, attempt, reason, failureClass } = event.value.report!;
      const name = `${processor}#${attempt}`;
      attempts.push({ name, executorId: where.get(name)!, reason, failureClass });
    }
  }
  return attempts;
}

/** Every processor succeeded once; those that were on the executor were lost there and succeeded elsewhere. */
function checkRetried(events: Event[], count: number, { executorId }: RemoteExecutor): Attempt[] {
  const attempts = attemptsOf(events);
  const succeeded = attempts.filter(({ reason }) => reason === '');
  assert.equal(succeeded.length, count, JSON.stringify(attempts));
  assert.ok(
    succeeded.every((it) => it.executorId !== executorId),
    JSON.stringify(attempts),
  );
  const failed = attempts.filter(({ reason }) => reason !== '');
  assert.ok(
    failed.length > 0 && failed.every((it) => it.executorId === executorId),
    JSON.stringify(attempts),
  );
  return failed;
}

test('kill -9 of one of two: unhealthy at once, its programs are ended, and the other one does its work', async (t) => {
  const { place, one, daemon, leave } = await two(t);
  const run = await started(place, daemon, 'killed', 6);
  one.kill();
  await untilState(daemon.api, 'one', ExecutorState.UNHEALTHY);
  run.go();
  const { events, state } = await watchToEnd(daemon.api, run.runId);
  assert.equal(state, RunState.SUCCEEDED);
  const lost = checkRetried(events, 6, one);
  assert.ok(
    lost.every(({ reason, failureClass }) => reason === 'lost' && failureClass === FailureClass.INFRA),
  );
  // Its process was of this machine: what it left was ended before anything was tried again.
  assert.ok(!run.pids.some(isAlive));
  await leave();
});

test('SIGSTOP past the grace, then SIGCONT: what it had is done elsewhere, ended there, and counted once', async (t) => {
  const { place, one, daemon, leave } = await two(t);
  const run = await started(place, daemon, 'frozen', 6);
  process.kill(one.pid, 'SIGSTOP');
  await untilState(daemon.api, 'one', ExecutorState.UNHEALTHY);
  const second = (n: number) => join(place.folder, 'frozen', `pid-p${n}-2`);
  await until(
    'what it had is started elsewhere',
    () => [0, 1, 2, 3, 4, 5].filter((n) => existsSync(second(n))).length === 3,
  );
  process.kill(one.pid, 'SIGCONT');
  await untilState(daemon.api, 'one', ExecutorState.JOINED);
  // Before anything may go on: those of the first attempts are ended by the executor that learns that it lost them.
  await until('its programs are ended', () => run.pids.filter(isAlive).length === 3);
  await untilListed(daemon.api, 'one', 'has nothing to do', ({ load }) => load?.running === 0);
  run.go();
  const { events, state } = await watchToEnd(daemon.api, run.runId);
  assert.equal(state, RunState.SUCCEEDED);
  checkRetried(events, 6, one);
  // Its slots are free again.
  const next = await started(place, daemon, 'after-frozen', 16);
  next.go();
  assert.equal((await watchToEnd(daemon.api, next.runId)).state, RunState.SUCCEEDED);
  await until('its staging folders are gone', () => stagingOf(one).length === 0);
  await leave();
});

function stagingOf({ command }: RemoteExecutor): string[] {
  const home = command.child.spawnargs[command.child.spawnargs.indexOf('--home') + 1]!;
  return existsSync(join(home, 'runs')) ? readdirSync(join(home, 'runs')) : [];
}

test('a network that is gone for longer than the grace: late reports count for nothing', async (t) => {
  const { place, one, way, daemon, leave } = await two(t, { way: true });
  const run = await started(place, daemon, 'cut', 6);
  way.hang();
  // Its programs end while nobody can hear of it.
  run.go();
  await untilState(daemon.api, 'one', ExecutorState.UNHEALTHY);
  const { events, state } = await watchToEnd(daemon.api, run.runId);
  assert.equal(state, RunState.SUCCEEDED);
  checkRetried(events, 6, one);
  way.heal();
  await untilState(daemon.api, 'one', ExecutorState.JOINED);
  await untilListed(daemon.api, 'one', 'keeps nothing', ({ load }) => load?.running === 0);
  const { run: view } = await daemon.api.runs.getRun({ runId: run.runId });
  assert.equal(view!.seq, events.at(-1)!.seq, 'nothing was journaled after the end');
  await until('its staging folders are gone', () => stagingOf(one).length === 0);
  await leave();
});

test('a way that breaks again and again: everything is done, and done once', async (t) => {
  const { place, one, way, daemon, leave } = await two(t, { way: true, graceS: 60 });
  const names = Array.from(
    { length: 60 },
    (_, n) => `  p${n}: { run: 'sleep 0.2; echo $WIZ_PROCESSOR >> done' }\n`,
  );
  const runId = await startRun(daemon.api, place, `name: breaks\nprocessors:\n${names.join('')}`);
  const ended = watchToEnd(daemon.api, runId);
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  way.halve();
  for (let before = -1; !isOver; ) {
    await until('something passed', () => isOver || way.bytes > before + BREAK_BYTES);
    before = way.bytes;
    way.breakAll();
  }
  const { events, state } = await ended;
  assert.equal(state, RunState.SUCCEEDED);
  const attempts = attemptsOf(events);
  // An assignment that was on its way when it broke has not begun anywhere.
  assert.ok(
    attempts.every(({ reason }) => reason === '' || reason === 'lost'),
    JSON.stringify(attempts),
  );
  const done = readFileSync(join(place.folder, 'done'), 'utf8').trim().split('\n');
  assert.deepEqual([done.length, new Set(done).size], [60, 60]);
  assert.ok(attempts.some(({ executorId }) => executorId === one.executorId));
  way.heal();
  await leave();
});

test('drain under load: what waits goes elsewhere, what runs ends there, and the executor ends with 0', async (t) => {
  const { place, one, daemon, leave } = await two(t);
  const run = await started(place, daemon, 'drained', 8);
  const drained = await place.out(['executors', 'drain', 'one']);
  assert.match(drained, /one drains: it finishes 4 attempts/);
  await untilState(daemon.api, 'one', ExecutorState.DRAINING);
  const next = await startRun(daemon.api, place, 'name: next\nprocessors:\n  a: { run: echo elsewhere }\n');
  run.go();
  const { events, state } = await watchToEnd(daemon.api, run.runId);
  assert.equal(state, RunState.SUCCEEDED);
  const attempts = attemptsOf(events);
  assert.equal(attempts.filter(({ reason }) => reason === '').length, 8, JSON.stringify(attempts));
  assert.equal(attempts.length, 8, 'nothing was lost, nothing was done twice');
  assert.equal(attempts.filter(({ executorId }) => executorId === one.executorId).length, 4);
  assert.equal((await one.command.ended).code, 0);
  for (let n = 0; n < 8; n += 1)
    assert.equal(await place.out(['runs', 'logs', run.runId, `p${n}`]), 'went\n');
  const after = await watchToEnd(daemon.api, next);
  assert.ok(attemptsOf(after.events).every(({ executorId }) => executorId !== one.executorId));

  // It stays listed; started again it is given nothing, until that is undone.
  await untilState(daemon.api, 'one', ExecutorState.DRAINED);
  const again = await startRemote(t, place, { certificate, address: one.address });
  await untilListed(
    daemon.api,
    'one',
    'is another process',
    ({ executorId }) => executorId === again.executorId,
  );
  await untilState(daemon.api, 'one', ExecutorState.DRAINED);
  assert.ok(isAlive(again.pid), 'it was not asked to end');
  await place.out(['executors', 'drain', 'one', '--undo']);
  await untilState(daemon.api, 'one', ExecutorState.JOINED);
  await leave();
});

test('SIGTERM lets it go on for the drain time, and then gives its work back; that is not the fault of the program', async (t) => {
  const { place, one, daemon, leave } = await two(t, { flags: ['--drain-timeout', '2s'] });
  const run = await started(place, daemon, 'preempted', 6);
  process.kill(one.pid, 'SIGTERM');
  await untilState(daemon.api, 'one', ExecutorState.DRAINING);
  assert.equal((await one.command.ended).code, 0);
  run.go();
  const { events, state } = await watchToEnd(daemon.api, run.runId);
  assert.equal(state, RunState.SUCCEEDED);
  const failed = checkRetried(events, 6, one);
  assert.ok(
    failed.every(({ failureClass }) => failureClass === FailureClass.PREEMPTED),
    JSON.stringify(failed),
  );
  await leave();
});

test('removed by force while it works: its programs are ended, and tried again elsewhere', async (t) => {
  const { place, one, daemon, leave } = await two(t);
  const run = await started(place, daemon, 'removed', 6);
  const refused = await place.run(['executors', 'remove', 'one']);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /works: 3 attempts/);
  await place.out(['executors', 'remove', 'one', '--force']);
  await until('its programs are ended', () => run.pids.filter(isAlive).length === 3);
  run.go();
  const { events, state } = await watchToEnd(daemon.api, run.runId);
  assert.equal(state, RunState.SUCCEEDED);
  checkRetried(events, 6, one);
  assert.ok(isAlive(one.pid), 'it is somebody else’s');
  await addRemote(daemon.api, 'one', one.address, authority);
  await leave();
});

test('a daemon that keeps a local executor has another one at once', async (t) => {
  const place = placeFor(t);
  const daemon = await startDaemon(place, { env: { WIZ_KEEP_LOCAL_EXECUTOR: 'true' } });
  const local = async () => {
    const { executors } = await daemon.api.manager.listExecutors({});
    return executors.find(({ launcher, state }) => launcher === 'local' && state === ExecutorState.JOINED);
  };
  await until('one is there without work', async () => (await local()) !== undefined);
  const first = (await local())!;
  process.kill(first.pid, 'SIGKILL');
  await until('another one is there', async () => {
    const now = await local();
    return now !== undefined && now.executorId !== first.executorId;
  });
  const runId = await startRun(daemon.api, place, 'name: local\nprocessors:\n  a: { run: echo here }\n');
  assert.equal((await watchToEnd(daemon.api, runId)).state, RunState.SUCCEEDED);
  await daemon.stop();
});

test('a daemon without any executor lets runs wait for one', async (t) => {
  const place = placeFor(t);
  const ca = place.write('ca.pem', authority.certificate);
  const daemon = await startDaemon(place, { env: { WIZ_LOCAL_EXECUTORS: 'false' } });
  const runId = await startRun(daemon.api, place, 'name: waits\nprocessors:\n  a: { run: echo late }\n');
  const ended = watchToEnd(daemon.api, runId);
  const executor = await startRemote(t, place, { certificate });
  await place.out(['executors', 'add', executor.address, '--tls-ca', ca, '--name', 'late'], {
    env: { WIZ_EXECUTOR_TOKEN: TOKEN },
  });
  assert.equal((await ended).state, RunState.SUCCEEDED);
  await place.out(['executors', 'remove', 'late']);
  await daemon.stop();
});
