/** Going on with a run that ended: only what failed, from a named processor, with an edited file. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventsOf, startedIn } from './journal.ts';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

/** Runs `wiz runs retry`, which must succeed, and returns what it started. */
async function retried(id: string, args: string[] = []): Promise<string[]> {
  return startedIn(eventsOf(await place.out(['runs', 'retry', id, '--json', ...args])));
}

test('one of 100 failed: retry runs it and what depends on it, as the same run', async () => {
  const names = Array.from({ length: 98 }, (_, n) => `p${n}`);
  place.write(
    'hundred.yaml',
    `name: hundred
processors:
${names.map((name) => `  ${name}: { uses: noop }`).join('\n')}
  failing: { run: test -e fixed }
  after: { needs: [failing, p0], run: echo "after $WIZ_ATTEMPT" }
`,
  );
  const first = await place.run(['run', 'hundred.yaml', '--json']);
  assert.equal(first.code, 1, first.stderr);
  const events = eventsOf(first.stdout);
  assert.equal(startedIn(events).length, 99);
  const id = events[0]!.run;

  place.write('fixed', '');
  assert.deepEqual(await retried(id), ['failing', 'after']);
  const { run, processors } = await place.json(['runs', 'get', id]);
  assert.deepEqual([run.state, run.counts], ['RUN_STATE_SUCCEEDED', { succeeded: 100 }]);
  const failing = processors.find(({ name }: { name: string }) => name === 'failing');
  assert.deepEqual(
    failing.attempts.map(({ attempt, state }: { attempt: number; state: string }) => [attempt, state]),
    [
      [1, 'PROCESSOR_STATE_FAILED'],
      [2, 'PROCESSOR_STATE_SUCCEEDED'],
    ],
  );
  assert.equal((await place.json(['runs', 'list', '--pipeline', 'hundred'])).length, 1);
});

const CHAIN = `
name: chain
processors:
  a: { run: echo a }
  b: { needs: a, run: echo b }
  c: { needs: b, run: echo c }
  other: { run: echo other }
`;

test('--from starts a processor and everything behind it, even if they succeeded', async () => {
  place.write('chain.yaml', CHAIN);
  const [{ run: id }] = eventsOf(await place.out(['run', 'chain.yaml', '--json']));
  assert.deepEqual(await retried(id, ['--from', 'b']), ['b', 'c']);
  assert.deepEqual((await retried(id, ['--from', 'c', '--from', 'other'])).sort(), ['c', 'other']);

  const unknown = await place.run(['runs', 'retry', id, '--from', 'bb']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /"?bb"?/);
  const nothing = await place.run(['runs', 'retry', id]);
  assert.equal(nothing.code, 2, nothing.stdout + nothing.stderr);
  assert.match(nothing.stderr, /--from|nothing/i);
});

test('--file goes on with an edited file: what changed runs again, with what is behind it', async () => {
  place.write('edited.yaml', CHAIN.replace('echo b', 'exit 9'));
  const first = await place.run(['run', 'edited.yaml', '--json']);
  assert.equal(first.code, 1);
  const id = eventsOf(first.stdout)[0]!.run;

  place.write('edited.yaml', CHAIN.replace('echo b', 'echo mended').replace('echo other', 'echo others'));
  assert.deepEqual((await retried(id, ['--file', 'edited.yaml'])).sort(), ['b', 'c', 'other']);
  assert.equal(await place.out(['runs', 'logs', id, 'b']), 'mended\n');

  place.write('broken.yaml', CHAIN.replace('needs: b', 'needs: x'));
  const broken = await place.run(['runs', 'retry', id, '--file', 'broken.yaml']);
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /broken\.yaml:6:\d+: /);
  assert.equal((await place.json(['runs', 'get', id])).run.state, 'RUN_STATE_SUCCEEDED');
});
