/** Several wiz on one state folder, and the limits that hold over all of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventsOf } from './journal.ts';
import { newPlace, until } from './place.ts';
import { isAlive, peakOf, pidIn } from './programs.ts';

const place = newPlace();
after(() => place.leave());

test('a second terminal sees, watches, starts and cancels runs of the first', async () => {
  place.write(
    'first.yaml',
    `name: first
processors:
  wait: { run: 'echo $$ > pid.new; mv pid.new pid; echo waiting; sleep 91' }
`,
  );
  place.write('second.yaml', 'name: second\nprocessors:\n  quick: { run: echo quick }\n');
  const first = place.start(['run', 'first.yaml']);
  const pid = await pidIn(join(place.folder, 'pid'));
  const [id] = await first.prints(/\w{27}/);

  const [listed] = await place.json(['runs', 'list', '--state', 'running']);
  assert.deepEqual([listed.runId, listed.pipeline], [id, 'first']);
  const watching = place.start(['runs', 'watch', id, '--json']);
  await watching.prints(/"attemptStarted"/);
  assert.match(await place.out(['run', 'second.yaml']), /^Succeeded/m);
  // The second's own executor is the first's: nothing was started twice.
  assert.equal((await place.json(['executor', 'list'])).length, 1);

  await place.out(['runs', 'cancel', id.slice(0, 20)]);
  const [ended, watched] = await Promise.all([first.ended, watching.ended]);
  assert.deepEqual([ended.code, watched.code], [1, 1]);
  const events = eventsOf(watched.stdout);
  assert.deepEqual(
    [...new Set(events.map(({ kind }) => kind))],
    ['runCreated', 'attemptStarted', 'runCancelRequested', 'attemptEnded', 'runEnded'],
  );
  assert.ok(!isAlive(pid));
});

/** Programs that write + and -, and wait until `meet` of them have been there, so that they do overlap. */
function counting(name: string, count: number, meet: number, head = ''): string {
  const names = Array.from({ length: count }, (_, n) => `p${n}`);
  const script = `printf + >> log; until [ $(tr -dc + < log | wc -c) -ge ${meet} ]; do sleep 0.02; done; sleep 0.05; printf -- - >> log`;
  return `name: ${name}\n${head}processors:\n${names.map((one) => `  ${one}: { run: '${script}' }\n`).join('')}`;
}

function logOf(folder: string): string {
  return readFileSync(join(place.folder, folder, 'log'), 'utf8');
}

test('WIZ_MAX_RUNNING holds over two wiz at once', async () => {
  const [LIMIT, EACH] = [2, 4];
  place.write('global/one.yaml', counting('one', EACH, LIMIT));
  place.write('global/two.yaml', counting('two', EACH, LIMIT));
  const env = { WIZ_MAX_RUNNING: `${LIMIT}`, WIZ_SLOTS: '16' };
  await Promise.all(['one', 'two'].map((name) => place.out(['run', `global/${name}.yaml`], { env })));
  const log = logOf('global');
  assert.deepEqual([log.length, peakOf(log)], [2 * 2 * EACH, LIMIT], log);
});

test('WIZ_SLOTS: no more programs at once on an executor, whoever started them', async () => {
  const SLOTS = 3;
  place.write('slots/one.yaml', counting('one', 5, SLOTS));
  place.write('slots/two.yaml', counting('two', 5, SLOTS));
  // A variable of its own gets it an executor of its own.
  const env = { WIZ_SLOTS: `${SLOTS}`, FOR_SLOTS: '1' };
  const one = place.start(['run', 'slots/one.yaml'], { env });
  await one.prints(/Running/);
  await place.out(['run', 'slots/two.yaml'], { env });
  assert.equal((await one.ended).code, 0);
  const log = logOf('slots');
  assert.deepEqual([log.length, peakOf(log)], [2 * 2 * 5, SLOTS], log);
});

test('concurrency of a pipeline holds for each of its runs', async () => {
  place.write('concurrency/three.yaml', counting('three', 9, 3, 'concurrency: 3\n'));
  await place.out(['run', 'concurrency/three.yaml'], { env: { WIZ_SLOTS: '16', FOR_WIDE: '1' } });
  const log = logOf('concurrency');
  assert.deepEqual([log.length, peakOf(log)], [18, 3], log);
});

test('kill -9 of the wiz that runs it: the next one goes on with the same attempt', async () => {
  place.write(
    'killed/wait.yaml',
    `name: killed
processors:
  first: { run: 'echo $$ > pid.new; mv pid.new pid; until test -e go; do sleep 0.05; done; echo went' }
  second: { needs: first, run: echo on }
`,
  );
  const running = place.start(['run', 'killed/wait.yaml']);
  const pid = await pidIn(join(place.folder, 'killed/pid'));
  const [id] = await running.prints(/\w{27}/);
  running.child.kill('SIGKILL');
  await running.ended;
  const watching = place.start(['runs', 'watch', id, '--json']);
  await watching.prints(/"runAdopted"/);
  assert.ok(isAlive(pid));
  place.write('killed/go', '');
  const { code, stdout } = await watching.ended;
  assert.equal(code, 0, stdout);
  const started = eventsOf(stdout).filter(({ kind }) => kind === 'attemptStarted');
  assert.deepEqual(
    started.map(({ attemptStarted }) => [attemptStarted.processor, attemptStarted.attempt]),
    [
      ['first', 1],
      ['second', 1],
    ],
  );
  assert.equal(await place.out(['runs', 'logs', id, 'first']), 'went\n');
  await until('the program ended', () => !isAlive(pid));
});
