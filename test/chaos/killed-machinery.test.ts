/** kill -9 of executor, spawner, wiz and background manager, alone and together: programs do not outlive those who
 *  answer for them, and the run completes with new attempts that are not the program's own. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { newPlace, type Place, until } from '../e2e/place.ts';
import { allEnd, DIARY, linesOf, wholeStory } from './story.ts';
import { kill, type Victims, victimsOf } from './victims.ts';

const WAITING = ['waits', 'hides'];

function prepare(): Place {
  const place = newPlace();
  place.environment.WIZ_WARM = '1';
  const script = (lines: string[]) => [...DIARY, ...lines].map((line) => `      ${line}\n`).join('');
  const wait = `until [ -e go.$WIZ_RUN_ID ]; do sleep 0.05; done`;
  place.write(
    'waits.yaml',
    `name: waits
processors:
  quick:
    run: |
${script([])}
  waits:
    needs: quick
    run: |
${script([wait])}
  hides:
    needs: quick
    run: |
${script(['setsid sleep 93 &', wait, 'kill $!'])}
  last:
    needs: [waits, hides]
    run: |
${script([])}
`,
  );
  return place;
}

const place = prepare();
after(() => place.leave());

interface Case {
  detach?: boolean;
  victims: (keyof Victims)[];
  /** Attempts that the waiting programs need. */
  attempts: number;
}

const CASES: Record<string, Case> = {
  'the executor': { victims: ['executors'], attempts: 2 },
  'the spawner': { victims: ['spawners'], attempts: 2 },
  'executor and spawner': { victims: ['executors', 'spawners'], attempts: 2 },
  'wiz and the executor': { victims: ['commands', 'executors'], attempts: 2 },
  'wiz, executor and spawner': { victims: ['commands', 'executors', 'spawners'], attempts: 2 },
  'the background manager': { detach: true, victims: ['backgrounds'], attempts: 1 },
  'background manager, executor and spawner': {
    detach: true,
    victims: ['backgrounds', 'executors', 'spawners'],
    attempts: 2,
  },
};

for (const [name, { detach = false, victims, attempts }] of Object.entries(CASES)) {
  test(`kill -9 of ${name}`, { skip: process.platform !== 'linux' && 'needs /proc' }, async () => {
    const started = linesOf(place, 'diary').length;
    const running = place.start(['run', 'waits.yaml', ...(detach ? ['--detach'] : [])]);
    const [runId] = await running.prints(/\w{27}/);
    await until('both wait', () => linesOf(place, 'diary').length === started + 1 + WAITING.length);
    const there = victimsOf(place.folder);
    await until('one hides', () => victimsOf(place.folder).programs.length > WAITING.length * 2);
    const { programs } = victimsOf(place.folder);

    for (const kind of victims) {
      assert.ok(there[kind].length > 0, `there is one of ${kind}`);
      kill(there[kind]);
    }
    if (attempts > 1) {
      // Whoever comes next finds what they left behind.
      await place.out(['runs', 'list']);
      await until('the programs are gone', () => {
        const left = victimsOf(place.folder).programs;
        return programs.every((pid) => !left.includes(pid));
      });
    }
    place.write(`go.${runId}`, '');
    const { run, processors } = await wholeStory(place, runId);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    for (const processor of processors) {
      const tries = processor.attempts!;
      assert.equal(tries.length, WAITING.includes(processor.name) ? attempts : 1, processor.name);
      for (const { reason, failureClass } of tries.slice(0, -1)) {
        assert.deepEqual([reason, failureClass], ['lost', 'FAILURE_CLASS_INFRA']);
      }
    }
    if (!victims.includes('commands')) assert.equal((await running.ended).code, 0);
  });
}

test('an executor without a manager ends after its orphan time, and the next wiz completes the run', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async () => {
  // The background manager of the tests before would take the run over at once.
  await allEnd(place);
  const started = linesOf(place, 'diary').length;
  const running = place.start(['run', 'waits.yaml'], { env: { WIZ_ORPHAN: '1', FOR_ORPHAN: '1' } });
  const [runId] = await running.prints(/\w{27}/);
  await until('both wait', () => linesOf(place, 'diary').length === started + 1 + WAITING.length);
  kill([running.child.pid!]);
  await allEnd(place);
  place.write(`go.${runId}`, '');
  const { run, processors } = await wholeStory(place, runId);
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
  for (const { name, attempts = [] } of processors) {
    assert.equal(attempts.length, WAITING.includes(name) ? 2 : 1, name);
    for (const { failureClass } of attempts.slice(0, -1)) assert.equal(failureClass, 'FAILURE_CLASS_INFRA');
  }
});

test('in the end nothing is left', () => allEnd(place));
