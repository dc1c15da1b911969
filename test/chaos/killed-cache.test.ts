/** kill -9 while cached processors end and their results are kept: what is taken from the cache is never wrong or half. */
import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsOf, startedIn } from '../e2e/journal.ts';
import { newPlace, until } from '../e2e/place.ts';
import { kill, type Victims, victimsOf } from './victims.ts';

const place = newPlace();
after(() => place.leave());

const ITEMS = 6;
/** Bytes; larger than what is kept with a result itself, so that outputs and files go through the store. */
const LARGE = 400_000;

const large = (round: number, item: number) => `${round}.${item}\n`.repeat(LARGE).slice(0, LARGE);

function expected(round: number): string {
  const all = Array.from({ length: ITEMS }, (_, item) => large(round, item)).join('');
  const hash = createHash('sha256').update(all).digest('hex');
  return `${hash} ${ITEMS * LARGE} round${round} ${createHash('sha256').update(all).digest('hex')}\n`;
}

place.write(
  'round.yaml',
  `name: round
params: { round: 0 }
cache: true
processors:
  before:
    run: |
      echo start >> ran.$ROUND
      echo KEY=round$ROUND > $WIZ_CONTEXT
      head -c ${LARGE} < <(yes $ROUND) > $WIZ_FILES/other
  each:
    needs: before
    each: \${{ range(${ITEMS}) }}
    width: 2
    run: |
      head -c ${LARGE} < <(yes "$ROUND.\${{ item }}") > $WIZ_FILES/large
      cat $WIZ_FILES/large
      echo \${{ item }} >> ran.$ROUND
  join:
    needs: each
    run: |
      echo join >> ran.$ROUND
      texts=$(node -e 'process.stdout.write(JSON.parse(require("fs").readFileSync(process.env.WIZ_INPUT)).outputs.each.map((one) => one.text).join(""))' | sha256sum | cut -d' ' -f1)
      files=$(cat ${Array.from({ length: ITEMS }, (_, n) => `\${{ files.each['${n}/large'] }}`).join(' ')} | sha256sum | cut -d' ' -f1)
      echo "$files \${{ outputs.each.map(one, size(one.text)).sum() }} $KEY $texts"
`,
);

const ran = (round: number) => {
  const file = join(place.folder, `ran.${round}`);
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};

const joined = async () => {
  const { run, processors } = await place.json(['runs', 'get', 'latest']);
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
  return processors.find(({ name }: { name: string }) => name === 'join').output.text;
};

const WHOM: (keyof Victims)[][] = [['commands'], ['commands', 'executors', 'spawners'], ['executors']];

for (const round of Array.from({ length: 6 }, (_, n) => n + 1)) {
  const whom = WHOM[round % WHOM.length]!;
  test(`round ${round}: ${whom.join(', ')}`, async () => {
    const args = ['run', 'round.yaml', '-p', `round=${round}`];
    const run = place.start(args);
    // Somewhere in the run: after so many have written their line, and then some more.
    const after = randomInt(ITEMS + 2);
    await until('it has come so far', () => ran(round).length > after || run.child.exitCode !== null);
    await sleep(randomInt(40));
    const victims = victimsOf(place.folder);
    kill(whom.flatMap((kind) => victims[kind]));
    await run.ended;
    if (whom.includes('commands')) await place.run(['runs', 'watch', 'latest']);
    assert.equal(await joined(), expected(round), `killed after ${after}`);
    const again = await place.out([...args, '--json']);
    assert.deepEqual(startedIn(eventsOf(again)), []);
    assert.equal(await joined(), expected(round));
  });
}
