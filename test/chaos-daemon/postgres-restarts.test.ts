/** PostgreSQL that is restarted again and again under the runs of two daemons. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDaemon, startRun } from '../daemon.ts';
import { seesManagers } from '../managers/several.fixture.ts';
import { type PostgresServer, postgresForTests } from '../postgres.ts';
import { allEnded, allRuns, countedOnce, countsOf, groundOn, logOf } from './ground.fixture.ts';

const postgres = postgresForTests();

const RUNS = 500;
/** Milliseconds between restarts; what was named for this test. */
const RESTART_MS = 5_000;
/** So long that the runs take several restarts: 1,000 programs of 0.2 s in 8 slots. */
const PIPELINE = `name: counting
processors:
  a: { run: 'echo "$WIZ_RUN_ID a" >> counts; sleep 0.2; echo did a' }
  b: { needs: a, run: 'echo "$WIZ_RUN_ID b" >> counts; sleep 0.2; echo did b' }
`;
const SLOTS = '8';

/** Clients that start runs. */
const CLIENTS = 4;
/** Runs whose logs are read; each costs two calls. */
const LOGS_OF = 20;

/** Stops it and kills it by turns, until it is told to end; how often it did. */
function restarting(server: PostgresServer): { end(): Promise<number> } {
  const ending = new AbortController();
  let restarts = 0;
  async function restart(): Promise<void> {
    for (;;) {
      try {
        await sleep(RESTART_MS, undefined, { signal: ending.signal });
      } catch {
        return;
      }
      await (restarts % 2 === 0 ? server.stop() : server.crash());
      await server.start();
      restarts += 1;
    }
  }
  const done = restart();
  return {
    async end() {
      ending.abort();
      await done;
      return restarts;
    },
  };
}

test(`restarted every 5 s under ${RUNS} runs of two daemons: every processor is counted once, nothing is held`, async (t) => {
  const server = await postgres();
  const ground = await groundOn(t, server);
  const { place } = ground;
  const env = { WIZ_SLOTS: SLOTS };
  const daemons = await Promise.all([startDaemon(place, { env }), startDaemon(place, { env })]);
  for (const daemon of daemons) await seesManagers(daemon, 2);
  const trouble = restarting(server);
  const answered: string[] = [];
  const failed: string[] = [];
  try {
    let begun = 0;
    const client = async (n: number) => {
      while (begun < RUNS) {
        begun += 1;
        await startRun(daemons[n % 2]!.api, place, PIPELINE).then(
          (runId) => answered.push(runId),
          (error: Error) => failed.push(error.message),
        );
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(n)));
    await allEnded(daemons[0]!.api);
  } finally {
    t.diagnostic(`restarted ${await trouble.end()} times`);
  }
  assert.deepEqual(failed, [], 'a restart is shorter than a call is patient');
  const runs = await allRuns(daemons[1]!.api);
  assert.deepEqual(runs.map(({ runId }) => runId).sort(), answered.sort());
  const lost = { attempts: 0, again: 0 };
  for (const { runId } of runs) {
    const events = await countedOnce(daemons[1]!.api, runId, ['a', 'b']);
    lost.attempts += events.filter(({ event }) => event.case === 'attemptEnded').length - 2;
  }
  const counts = countsOf(place);
  for (const { runId } of runs) {
    for (const name of ['a', 'b']) {
      const times = counts.get(`${runId} ${name}`) ?? 0;
      assert.ok(times >= 1, `${runId} ${name}`);
      lost.again += times - 1;
    }
  }
  t.diagnostic(`${lost.attempts} attempts were lost, ${lost.again} programs ran again`);
  for (const { runId } of runs.slice(0, LOGS_OF)) {
    for (const name of ['a', 'b']) {
      assert.equal(await logOf(daemons[0]!.api, runId, name), `did ${name}\n`);
    }
  }
  for (const daemon of daemons) await daemon.stop();
  await ground.nothingHeld();
});
