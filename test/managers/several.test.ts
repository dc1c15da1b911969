/** Daemons on one store share its runs: none twice, none lost, whoever comes and goes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { type Daemon, type DaemonApi, startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { rowsOf } from '../e2e/left-behind.ts';
import { newPlace, until } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import { attemptsOf, checkJournal, ownersOf } from './journals.ts';

const place = newPlace();
after(() => place.leave());

const RUNS = 300;

/** Each program leaves one line, whichever executor it runs on. */
function counting(file: string): string {
  return `name: counting
processors:
  a: { run: 'echo "$WIZ_RUN_ID a" >> ${file}' }
  b: { needs: a, run: 'echo "$WIZ_RUN_ID b" >> ${file}' }
`;
}

async function ownedBy(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { kind, holder } of rowsOf(place.home, 'leases')) {
    if (kind === 'run') counts.set(String(holder), (counts.get(String(holder)) ?? 0) + 1);
  }
  return counts;
}

async function seesManagers(daemon: Daemon, count: number): Promise<void> {
  await until(`${count} managers see each other`, async () => {
    const { managers } = await daemon.api.manager.getManager({});
    return managers.filter(({ kind, draining }) => kind === 'daemon' && !draining).length === count;
  });
}

async function checkEnded(api: DaemonApi, runIds: string[]): Promise<void> {
  for (const runId of runIds) {
    const { events, state } = await watchToEnd(api, runId);
    assert.equal(state, RunState.SUCCEEDED, runId);
    checkJournal(events, runId);
  }
}

test(`3 managers, ${RUNS} runs, kill -9 of one: none twice, none lost`, async () => {
  const daemons = await Promise.all([startDaemon(place), startDaemon(place), startDaemon(place)]);
  for (const daemon of daemons) await seesManagers(daemon, 3);
  const text = counting('counts');
  const runIds: string[] = [];
  const owners = new Set<string>();
  for (let i = 0; i < RUNS; i++) {
    // The one that is killed answers no more after two thirds.
    const asked = i < (2 * RUNS) / 3 ? daemons[i % 3]! : daemons[1 + (i % 2)]!;
    runIds.push(await startRun(asked.api, place, text));
    for (const owner of (await ownedBy()).keys()) owners.add(owner);
    if (i === (2 * RUNS) / 3) await daemons[0]!.kill();
  }
  await checkEnded(daemons[1]!.api, runIds);
  assert.equal(new Set(runIds).size, RUNS);
  assert.ok(owners.size >= 3, `runs were owned by ${owners.size} managers`);
  const lines = readFileSync(join(place.folder, 'counts'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(lines.toSorted(), runIds.flatMap((runId) => [`${runId} a`, `${runId} b`]).sort());
  await Promise.all([daemons[1]!.stop(), daemons[2]!.stop()]);
});

/** A program that waits for a file, and says that it is there. */
function waiting(name: string): string {
  return `name: waiting
processors:
  wait: { run: 'echo $$ > ${name}.pid.new; mv ${name}.pid.new ${name}.pid; until test -e ${name}.go; do sleep 0.05; done; echo went' }
  after: { needs: wait, run: echo on }
`;
}

test('a manager that joins gets its share of what runs; when it leaves, the others have it; programs go on', async () => {
  const COUNT = 24;
  const first = await startDaemon(place);
  const runIds: string[] = [];
  for (let i = 0; i < COUNT; i++) runIds.push(await startRun(first.api, place, waiting(`join${i}`)));
  await until('the runs are owned', async () => [...(await ownedBy()).values()].join() === `${COUNT}`);
  const second = await startDaemon(place);
  await until('the runs are shared', async () => {
    const counts = [...(await ownedBy()).values()];
    return counts.length === 2 && Math.min(...counts) >= 4 && counts[0]! + counts[1]! === COUNT;
  });
  await first.stop();
  await until(
    'the runs are all with the second',
    async () => [...(await ownedBy()).values()].join() === `${COUNT}`,
  );
  for (let i = 0; i < COUNT; i++) place.write(`join${i}.go`, '');
  for (const runId of runIds) {
    const { events, state } = await watchToEnd(second.api, runId);
    assert.equal(state, RunState.SUCCEEDED);
    checkJournal(events, runId);
    assert.deepEqual(attemptsOf(events), { wait: 1, after: 1 });
  }
  assert.equal(await place.out(['runs', 'logs', runIds[3]!, 'wait']), 'went\n');
  await second.stop();
});

test('kill -9 of a manager during a program: the same attempt ends under another one, and under the next start', async () => {
  const [first, second] = [await startDaemon(place), await startDaemon(place)];
  for (const daemon of [first, second]) await seesManagers(daemon, 2);
  const runId = await startRun(first.api, place, waiting('killed'));
  await pidIn(join(place.folder, 'killed.pid'));
  const info = await first.api.manager.getManager({});
  const { run } = await second.api.runs.getRun({ runId });
  const owner = run!.managerId === info.managerId ? first : second;
  const other = owner === first ? second : first;
  await owner.kill();
  await until('the other has taken the run over', async () => {
    const { managerId } = await other.api.manager.getManager({});
    return (await other.api.runs.getRun({ runId })).run?.managerId === managerId;
  });
  // And once more, with nobody left.
  await other.kill();
  const third = await startDaemon(place);
  await until('the third has taken the run over', async () => {
    const { managerId } = await third.api.manager.getManager({});
    return (await third.api.runs.getRun({ runId })).run?.managerId === managerId;
  });
  place.write('killed.go', '');
  const { events, state } = await watchToEnd(third.api, runId);
  assert.equal(state, RunState.SUCCEEDED);
  checkJournal(events, runId);
  assert.deepEqual(attemptsOf(events), { wait: 1, after: 1 });
  assert.ok(ownersOf(events).length >= 2);
  const { processors } = await third.api.runs.getRun({ runId });
  assert.deepEqual(
    processors.map(({ name, attempts }) => [name, attempts.length]),
    [
      ['wait', 1],
      ['after', 1],
    ],
  );
  await third.stop();
});

test('any manager answers: watch, logs, cancel and retry of what another one owns', async () => {
  const [first, second] = [await startDaemon(place), await startDaemon(place)];
  for (const daemon of [first, second]) await seesManagers(daemon, 2);
  for (const [n, daemon] of [first, second].entries()) {
    const { managerId } = await daemon.api.manager.getManager({});
    const other = n === 0 ? second : first;
    // Run ids are drawn: some belong to the one, some to the other.
    let runId = '';
    for (let i = 0; ; i++) {
      runId = await startRun(first.api, place, waiting(`any${n}-${i}`));
      await pidIn(join(place.folder, `any${n}-${i}.pid`));
      if ((await first.api.runs.getRun({ runId })).run?.managerId === managerId) break;
      await first.api.runs.cancelRun({ runId });
      assert.ok(i < 40);
    }
    await until('the other knows what runs', async () => {
      const { executors } = await other.api.manager.listExecutors({});
      return executors.some(({ running }) => running === 1);
    });
    const watched = watchToEnd(other.api, runId);
    const before = performance.now();
    const { run } = await other.api.runs.cancelRun({ runId, message: 'from the other one' });
    assert.equal(run?.cancelRequested, true);
    assert.ok(performance.now() - before < 5_000);
    const { events, state } = await watched;
    assert.equal(state, RunState.FAILED);
    checkJournal(events, runId);
    const { processors } = await other.api.runs.retryRun({ runId, from: ['wait'] });
    assert.deepEqual(processors, ['wait', 'after']);
    await until('it goes on with its owner', async () => {
      const { run, processors } = await other.api.runs.getRun({ runId });
      return run?.managerId === managerId && processors[0]?.state === ProcessorState.RUNNING;
    });
    await other.api.runs.cancelRun({ runId });
    await watchToEnd(other.api, runId);
  }
  await Promise.all([first.stop(), second.stop()]);
});
