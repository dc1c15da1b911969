/** How runs end before their time: retries, time-outs, cancel, Ctrl-C once and twice, SIGTERM. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventsOf } from './journal.ts';
import { rowsOf } from './left-behind.ts';
import { newPlace, until } from './place.ts';
import { isAlive, pidIn } from './programs.ts';

const place = newPlace();
after(() => place.leave());

test('what fails is tried again with growing waits, and every attempt is kept', async () => {
  place.write(
    'flaky.yaml',
    `name: flaky
processors:
  flaky:
    run: echo try $WIZ_ATTEMPT; test $WIZ_ATTEMPT -eq 3
    retries: { limit: 4, backoff: { initial: 50ms, factor: 3, jitter: 0 } }
`,
  );
  const events = eventsOf(await place.out(['run', 'flaky.yaml', '--json']));
  const waits = events
    .filter(({ kind }) => kind === 'attemptEnded')
    .map(({ unixMs, attemptEnded }) => Math.round((attemptEnded.retryUnixMs ?? unixMs) - unixMs));
  assert.deepEqual(waits, [50, 150, 0]);
  const { processors } = await place.json(['runs', 'get', 'latest']);
  const attempts = processors[0].attempts as { attempt: number; reason?: string; exitCode?: number }[];
  assert.deepEqual(
    attempts.map(({ attempt, reason, exitCode }) => [attempt, reason ?? '', exitCode ?? 0]),
    [
      [1, 'exit-code', 1],
      [2, 'exit-code', 1],
      [3, '', 0],
    ],
  );
  assert.equal(await place.out(['runs', 'logs', 'latest', 'flaky', '--attempt', '2']), 'try 2\n');
});

test('a time-out ends the whole process tree', async () => {
  // One child in the group, one that left for a session of its own.
  place.write(
    'slow.yaml',
    `name: slow
processors:
  slow:
    run: |
      sleep 97 & echo $! > child
      setsid sleep 96 & 
      echo $$ > parent
      wait
    timeout: 1s
    grace: 500ms
`,
  );
  const { code, stdout } = await place.run(['run', 'slow.yaml']);
  assert.equal(code, 1);
  assert.match(stdout, /^✖ slow failed: timeout$/m);
  for (const name of ['child', 'parent']) assert.ok(!isAlive(await pidIn(join(place.folder, name))), name);
  assert.equal((await place.json(['runs', 'get', 'latest'])).processors[0].reason, 'timeout');
});

/** Two processors, of which the second never starts; the first has a child and ignores SIGTERM when told to. */
const LONG = `
name: long
params: { stubborn: "no" }
processors:
  first:
    run: |
      rm -f pid; [ $STUBBORN = yes ] && trap '' TERM
      sleep 95 & echo $! > pid.new; mv pid.new pid
      echo waiting; wait; sleep 94
    grace: 300ms
  second: { needs: first, run: touch second }
`;

test('cancel ends the program and its children; what waits stays Idle', async () => {
  place.write('cancel/long.yaml', LONG);
  const running = place.start(['run', 'cancel/long.yaml', '-p', 'stubborn=yes']);
  const pid = await pidIn(join(place.folder, 'cancel/pid'));
  const [id] = await running.prints(/\w{27}/);
  await place.out(['runs', 'cancel', id, '--message', 'wrong input']);
  const { code, stdout } = await running.ended;
  assert.equal(code, 1);
  assert.match(stdout, /^Failed \(cancelled\) in/m);
  assert.ok(!isAlive(pid));
  assert.ok(!existsSync(join(place.folder, 'cancel/second')));
  const { run, processors } = await place.json(['runs', 'get', id]);
  assert.deepEqual([run.state, run.reason], ['RUN_STATE_FAILED', 'cancelled']);
  assert.match(run.message, /wrong input/);
  assert.deepEqual(
    processors.map(({ state, reason }: { state: string; reason: string }) => [state, reason]),
    [
      ['PROCESSOR_STATE_FAILED', 'cancelled'],
      ['PROCESSOR_STATE_IDLE', 'cancelled'],
    ],
  );
});

test('the first Ctrl-C cancels the run and waits for its end', async () => {
  place.write('once/long.yaml', LONG);
  const running = place.start(['run', 'once/long.yaml']);
  const pid = await pidIn(join(place.folder, 'once/pid'));
  running.child.kill('SIGINT');
  const { code, stderr } = await running.ended;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /Ctrl-C again/);
  assert.ok(!isAlive(pid));
  const [run] = await place.json(['runs', 'list', '--limit', '1']);
  assert.deepEqual([run.state, run.reason], ['RUN_STATE_FAILED', 'cancelled']);
});

test('the second Ctrl-C leaves the run, still cancelling, to a background manager', async () => {
  // Does not end before it is let go.
  place.write(
    'twice/stubborn.yaml',
    `name: stubborn
processors:
  waits:
    run: trap 'touch told' TERM; echo $$ > pid.new; mv pid.new pid; until test -e go; do sleep 0.05 || true; done
    grace: 5m
`,
  );
  const running = place.start(['run', 'twice/stubborn.yaml']);
  const pid = await pidIn(join(place.folder, 'twice/pid'));
  running.child.kill('SIGINT');
  await running.says(/Ctrl-C again/);
  await running.prints(/Cancelling/);
  running.child.kill('SIGINT');
  const { code, stderr } = await running.ended;
  assert.equal(code, 130, stderr);
  await until('SIGTERM came, from whoever sent it', () => existsSync(join(place.folder, 'twice/told')));
  assert.ok(isAlive(pid));
  place.write('twice/go', '');
  const [, id] = /wiz runs watch (\w{27})/.exec(stderr)!;
  const watched = await place.run(['runs', 'watch', id!]);
  assert.equal(watched.code, 1);
  assert.match(watched.stdout, /^Failed \(cancelled\)/m);
  assert.ok(!isAlive(pid));
});

test('SIGTERM does not cancel: the same attempt goes on under a background manager', async () => {
  place.write(
    'term/wait.yaml',
    `name: wait
processors:
  first: { run: 'echo $$ > pid.new; mv pid.new pid; until test -e go; do sleep 0.05; done; echo went' }
  second: { needs: first, run: echo on }
`,
  );
  const running = place.start(['run', 'term/wait.yaml']);
  const pid = await pidIn(join(place.folder, 'term/pid'));
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  assert.equal(code, 143, stderr);
  const [, id] = /wiz runs watch (\w{27})/.exec(stderr)!;
  assert.ok(isAlive(pid));
  place.write('term/go', '');
  const events = eventsOf(await place.out(['runs', 'watch', id!, '--json']));
  assert.equal(events.filter(({ kind }) => kind === 'attemptStarted').length, 2);
  assert.ok(events.some(({ kind }) => kind === 'runAdopted'));
  assert.equal(await place.out(['runs', 'logs', id!]), 'first | went\nsecond | on\n');
});

test('run --detach ends at once; the run ends without it, and no manager is left', async () => {
  place.write(
    'detach/wait.yaml',
    `name: wait
processors:
  first: { run: 'until test -e go; do sleep 0.05; done' }
`,
  );
  const id = (await place.out(['run', 'detach/wait.yaml', '--detach'])).trim();
  assert.match(id, /^\w{27}$/);
  const state = async () => (await place.json(['runs', 'get', id])).run.state;
  assert.equal(await state(), 'RUN_STATE_RUNNING');
  place.write('detach/go', '');
  await place.out(['runs', 'watch', id]);
  assert.equal(await state(), 'RUN_STATE_SUCCEEDED');
  await until('no manager', () => rowsOf(place.home, 'managers').length === 0);
});
