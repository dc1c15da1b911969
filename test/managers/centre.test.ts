/** One manager is the centre at a time, whoever dies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Daemon, startDaemon } from '../daemon.ts';
import { rowsOf } from '../e2e/left-behind.ts';
import { placeFor, until } from '../e2e/place.ts';
import { idOf, seesManagers } from './several.fixture.ts';

/** Terms as the daemons tell them: epoch, whether it begins, and by whom. */
function termsTold(daemon: Daemon): { epoch: number; begins: boolean }[] {
  return [...daemon.process.stderr.matchAll(/term (\d+) of the centre (begins|is over)/g)].map(
    ([, epoch, what]) => ({ epoch: Number(epoch), begins: what === 'begins' }),
  );
}

test('kill -9 and SIGTERM of the centre: exactly one other takes its place, in a term of its own', async (t) => {
  const place = placeFor(t);
  const env = { WIZ_DEBUG: '1' };
  const centreNow = () => rowsOf(place.home, 'leases').find(({ kind }) => kind === 'centre')?.holder;
  const daemons = await Promise.all([1, 2, 3].map(() => startDaemon(place, { env })));
  const all = [...daemons];
  for (const daemon of daemons) await seesManagers(daemon, 3);
  let watching = true;
  /** Every holder that the store had, by its epoch. */
  const holders = new Map<number, Set<string>>();
  const oracle = (async () => {
    while (watching) {
      for (const { kind, holder, epoch } of rowsOf(place.home, 'leases')) {
        if (kind !== 'centre') continue;
        const seen = holders.get(Number(epoch)) ?? new Set();
        holders.set(Number(epoch), seen.add(String(holder)));
      }
      await sleep(10);
    }
  })();
  for (let round = 0; round < 4; round++) {
    await until('there is a centre', () => centreNow() !== undefined);
    const ids = await Promise.all(daemons.map(idOf));
    const was = centreNow();
    const [daemon] = daemons.splice(ids.indexOf(String(was)), 1);
    if (round % 2 === 0) await daemon!.kill();
    else await daemon!.stop();
    await until('another one is', () => ![undefined, was].includes(centreNow() as string));
    const next = await startDaemon(place, { env });
    daemons.push(next);
    all.push(next);
  }
  watching = false;
  await oracle;
  await Promise.all(daemons.map((daemon) => daemon.stop()));
  for (const [epoch, seen] of holders) assert.equal(seen.size, 1, `term ${epoch} had ${[...seen]}`);
  const terms = rowsOf(place.home, 'terms').map(({ epoch }) => Number(epoch));
  assert.ok(terms.length >= 5);
  assert.deepEqual(
    terms,
    terms.map((_, i) => i + 1),
  );
  // Every term begins with one of them, and none with two.
  const told = all.flatMap(termsTold).filter(({ begins }) => begins);
  assert.deepEqual(
    told.map(({ epoch }) => epoch).sort((a, b) => a - b),
    terms,
  );
  assert.equal(centreNow(), undefined);
});
