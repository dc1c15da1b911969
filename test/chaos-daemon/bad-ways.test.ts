/** Bad ways between two managers and PostgreSQL, and between them and an executor: cuts, delays, bytes one by one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExecutorState } from '../../proto/gen/wiz/v1/managers_pb.js';
import { startDaemon, startRun } from '../daemon.ts';
import { addRemote, newAuthority, startRemote, untilState } from '../executors/remote-executor.ts';
import { COUNTING, seesManagers } from '../managers/several.fixture.ts';
import { postgresForTests } from '../postgres.ts';
import { type TcpProxy, tcpProxy } from '../tcp-proxy.ts';
import { allEnded, allRuns, countedOnce, countsOf, groundOn, logOf } from './ground.fixture.ts';

const postgres = postgresForTests();
const { authority, certificate } = newAuthority();

const RUNS = 60;
/** Seconds of the executors' grace: longer than what is bad lasts here. */
const GRACE_S = '60';
/** Milliseconds for which a way is as bad as it is. */
const BAD_MS = 2_500;

/** What happens to a way, one after the other, each for BAD_MS. */
const BAD: ((way: TcpProxy) => void)[] = [
  (way) => way.cut(),
  (way) => way.delay(1_000),
  (way) => way.hang(),
  (way) => way.halve(),
  (way) => way.breakAll(),
];

/** Makes it bad again and again until it is told to end. */
function spoil(way: TcpProxy): { end(): Promise<number> } {
  const ending = new AbortController();
  let times = 0;
  const done = (async () => {
    while (!ending.signal.aborted) {
      BAD[times % BAD.length]!(way);
      times += 1;
      await sleep(BAD_MS, undefined, { signal: ending.signal }).catch(() => {});
      way.heal();
    }
  })();
  return {
    async end() {
      ending.abort();
      await done;
      return times;
    },
  };
}

/** Two daemons without executors of their own, an executor, and ways to it and to the store. */
async function ways(t: TestContext) {
  const server = await postgres();
  const ground = await groundOn(t, server);
  const { place } = ground;
  const address = new URL(ground.store);
  const toStore = await tcpProxy(t, address.host);
  const executor = await startRemote(t, place, { certificate });
  const toExecutor = await tcpProxy(t, executor.address);
  address.host = toStore.address;
  const env = { WIZ_STORE: address.href, WIZ_LOCAL_EXECUTORS: 'false', WIZ_EXECUTOR_GRACE: GRACE_S };
  const daemons = await Promise.all([startDaemon(place, { env }), startDaemon(place, { env })]);
  const [first, second] = [daemons[0]!, daemons[1]!];
  for (const daemon of daemons) await seesManagers(daemon, 2);
  await addRemote(first.api, 'far', toExecutor.address, authority);
  for (const { api } of daemons) await untilState(api, 'far', ExecutorState.JOINED);
  const leave = async () => {
    await first.api.manager.removeExecutor({ executor: 'far', force: true });
    for (const daemon of daemons) await daemon.stop();
    await ground.nothingHeld();
  };
  return { place, first, second, toStore, toExecutor, leave };
}

for (const which of ['toStore', 'toExecutor'] as const) {
  const what = which === 'toStore' ? 'to PostgreSQL' : 'to an executor';
  test(`a way ${what} that is cut, slow, and halves: ${RUNS} runs end, and nothing is counted twice`, async (t) => {
    const { place, first, second, leave, ...both } = await ways(t);
    const trouble = spoil(both[which]);
    const failed: string[] = [];
    try {
      for (let n = 0; n < RUNS; n += 1) {
        await startRun((n % 2 === 0 ? first : second).api, place, COUNTING).catch((error: Error) =>
          failed.push(error.message),
        );
      }
      await allEnded(second.api);
    } finally {
      t.diagnostic(`${await trouble.end()} times bad`);
    }
    assert.deepEqual(failed, [], 'what is bad ends before a call gives up');
    const runs = await allRuns(first.api);
    assert.equal(runs.length, RUNS);
    for (const { runId } of runs) {
      await countedOnce(first.api, runId, ['a', 'b']);
      for (const name of ['a', 'b']) {
        assert.ok(countsOf(place).has(`${runId} ${name}`));
        assert.equal(await logOf(second.api, runId, name), `did ${name}\n`);
      }
    }
    await leave();
  });
}

test('bytes that come one by one, to the store and the executor at once: runs end', async (t) => {
  const { place, first, second, toStore, toExecutor, leave } = await ways(t);
  toStore.crumble();
  toExecutor.crumble();
  const runIds: string[] = [];
  for (let n = 0; n < 4; n += 1) runIds.push(await startRun([first, second][n % 2]!.api, place, COUNTING));
  await allEnded(first.api);
  toStore.heal();
  toExecutor.heal();
  for (const runId of runIds) await countedOnce(second.api, runId, ['a', 'b']);
  const lines = readFileSync(join(place.folder, 'counts'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(lines.toSorted(), runIds.flatMap((runId) => [`${runId} a`, `${runId} b`]).sort());
  await leave();
});
