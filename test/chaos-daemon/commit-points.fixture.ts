import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Daemon, startDaemon, startRun } from '../daemon.ts';
import { COUNTING } from '../managers/several.fixture.ts';
import type { PostgresServer } from '../postgres.ts';
import { allEnded, allRuns, countedOnce, countsOf, groundOn, logOf } from './ground.fixture.ts';
import { postgresWay } from './postgres-way.ts';

/** More than a run of two processors has; a run that never comes to an end is found out. */
const MOST_POINTS = 40;

interface Breaking {
  /** Of what comes to the database, or of its answer. */
  when: 'before' | 'after';
  /** kill -9 of the daemon as well; else only the connection breaks. */
  kills: boolean;
  env?: Record<string, string>;
}

/**
 * One run for each commit point of a run, which breaks there; the next daemon, or the same one when only the connection broke,
 * brings it to its end. Over when a run ends before it comes to its point.
 */
export async function breakAtEachPoint(
  t: TestContext,
  server: PostgresServer,
  { when, kills, env = {} }: Breaking,
): Promise<void> {
  const ground = await groundOn(t, server);
  const { place } = ground;
  const way = await postgresWay(t, ground.store);
  const start = () => startDaemon(place, { env: { WIZ_STORE: way.address, ...env } });
  let daemon = await start();
  const checked = new Set<string>();

  /** Every run there is and was not looked at yet. */
  async function checkRuns(what: string): Promise<number> {
    await allEnded(daemon.api);
    const fresh = (await allRuns(daemon.api)).filter(({ runId }) => !checked.has(runId));
    for (const { runId } of fresh) {
      checked.add(runId);
      const events = await countedOnce(daemon.api, runId, ['a', 'b']);
      const attempts = events.filter(({ event }) => event.case === 'attemptEnded').length;
      // What only a connection broke of has done nothing again.
      if (!kills) assert.equal(attempts, 2, `${what}: attempts of ${runId}`);
      for (const name of ['a', 'b']) {
        const times = countsOf(place).get(`${runId} ${name}`) ?? 0;
        assert.ok(kills ? times >= 1 : times === 1, `${what}: ${name} of ${runId} was done ${times} times`);
        assert.equal(await logOf(daemon.api, runId, name), `did ${name}\n`, what);
      }
    }
    return fresh.length;
  }

  let isThrough = false;
  const points: string[] = [];
  for (let point = 1; !isThrough; point += 1) {
    assert.ok(point < MOST_POINTS, `a run has no end: ${way.points.join('\n')}`);
    way.arm(point, when, kills ? () => process.kill(daemon.pid, 'SIGKILL') : undefined);
    const answered = await startRun(daemon.api, place, COUNTING).catch((error: Error) => error);
    if (kills) isThrough = await endsUnlessHit(daemon, way, answered);
    else await allEnded(daemon.api);
    isThrough ||= !way.isHit;
    const what = `${when} ${way.points.at(-1)}`;
    way.disarm();
    if (!isThrough && kills) {
      await daemon.process.ended;
      daemon = await start();
    }
    const count = await checkRuns(what);
    // What was never stored was never answered, and is not there.
    if (typeof answered === 'string') assert.ok(checked.has(answered), `${what}: ${answered} is gone`);
    else assert.ok(kills && count <= 1, `${what}: ${answered.message}`);
    points.push(what);
  }
  assert.equal((await daemon.stop()).code, 0);
  await ground.nothingHeld();
  t.diagnostic(`${points.length - 1} points`);
}

/** Waits until the daemon was killed, or its run is at its end; whether it is. */
async function endsUnlessHit(
  daemon: Daemon,
  way: { readonly isHit: boolean },
  answered: string | Error,
): Promise<boolean> {
  if (answered instanceof Error && !way.isHit) throw answered;
  await allEnded(daemon.api, () => way.isHit);
  return !way.isHit;
}
