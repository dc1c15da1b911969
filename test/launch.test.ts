/** The manager's launcher and session against the executor that is shipped. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { connect } from '../manager/dispatch/connect.ts';
import { dialOf } from '../manager/dispatch/dial.ts';
import type { ExecutorSession, SessionHandlers } from '../manager/dispatch/session.ts';
import { findLeftovers } from '../manager/launch/leftovers.ts';
import { createLocalLauncher } from '../manager/launch/local.ts';
import { openSqliteStore } from '../manager/store/sqlite.ts';
import type { ExecutorRow } from '../manager/store/store.ts';
import { type AssignmentSchema, Outcome, type Report } from '../proto/gen/wiz/v1/executors_pb.js';

const ENTRY = join(import.meta.dirname, '../executor/main.ts');
const RUN = { runId: 'run1', epoch: 1 };
/** Seconds that nobody else's sleep takes. */
const [A_WHILE, ANOTHER_WHILE] = [`600.${process.pid}1`, `600.${process.pid}2`];

async function place(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'wiz-launch-'));
  const store = await openSqliteStore(join(home, 'wiz.db'));
  const files = `folder:${home}/files`;
  const environment = process.env;
  const launcher = createLocalLauncher({ store, home, environment, entry: ENTRY, version: '1', files });
  t.after(async () => {
    await launcher.stop(await store.listExecutors(), true);
    await launcher.close();
    await store.close();
    rmSync(home, { recursive: true, force: true });
  });
  return { home, store, launcher };
}

/** A session, the reports that came, and a wait for a number of them. */
async function open(row: ExecutorRow, runs = [RUN]) {
  const reports: Report[] = [];
  const broken = Promise.withResolvers<Error>();
  let wake = () => {};
  const handlers: SessionHandlers = {
    reports(_, batches) {
      reports.push(...batches.flatMap((batch) => batch.reports));
      wake();
    },
    logs() {},
    progress() {},
    refusals(_, refusals) {
      throw new Error(`refused: ${refusals.map(({ reason }) => reason)}`);
    },
    wanted() {},
    load() {},
    broken: (_, cause) => broken.resolve(cause),
  };
  const { session, welcome } = await connect({ ...dialOf(row), managerId: 'm1', runs, handlers });
  const reported = async (count: number) => {
    while (reports.length < count) await new Promise<void>((resolve) => (wake = resolve));
    return reports;
  };
  return { session, welcome, reported, broken: broken.promise };
}

function assign(session: ExecutorSession, assignments: MessageInitShape<typeof AssignmentSchema>[]): void {
  session.send({ assignments: [{ ...RUN, assignments }] });
}

const noop = (processor: string): MessageInitShape<typeof AssignmentSchema> => ({
  processor,
  attempt: 1,
  action: { case: 'call', value: { uses: 'noop', withJson: '{}' } },
});
const script = (processor: string, text: string): MessageInitShape<typeof AssignmentSchema> => ({
  processor,
  attempt: 1,
  workdir: tmpdir(),
  action: { case: 'script', value: { shell: 'bash', text } },
});

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !condition(); await sleep(5)) {
    assert.ok(performance.now() < deadline, 'within 10 s');
  }
}

function isRunning(text: string): boolean {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(text);
    } catch {
      return false;
    }
  });
}

test('a fan-out of 5,000 goes out in batches and comes back whole', async (t) => {
  const { launcher } = await place(t);
  const [row] = await launcher.ensure();
  const { session, reported } = await open(row!);
  t.after(() => session.close());
  const names = Array.from({ length: 5000 }, (_, n) => `p${n}`);
  assign(session, names.map(noop));
  const reports = await reported(names.length);
  assert.deepEqual(reports.map(({ processor }) => processor).sort(), names.sort());
  assert.ok(reports.every(({ outcome }) => outcome === Outcome.SUCCEEDED));
});

test('work goes on between two sessions, and the second is handed what ended', async (t) => {
  const { launcher } = await place(t);
  const [row] = await launcher.ensure();
  const first = await open(row!);
  assign(first.session, [noop('done'), script('long', `exec sleep ${A_WHILE}`)]);
  await first.reported(1);
  first.session.close();

  const second = await open(row!);
  const known = second.welcome.known.flatMap(({ attempts }) => attempts.map(({ processor }) => processor));
  assert.deepEqual(known.sort(), ['done', 'long']);
  const [again] = await second.reported(1);
  assert.equal(again!.processor, 'done');
  second.session.send({ cancels: [{ ...RUN, attempts: [{ processor: 'long', attempt: 1 }] }] });
  const [, cancelled] = await second.reported(2);
  assert.deepEqual([cancelled!.processor, cancelled!.reason], ['long', 'cancelled']);
  second.session.close();
});

test('kill -9 of an executor: the session breaks, and gone means that its programs are', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const { launcher } = await place(t);
  const [row] = await launcher.ensure();
  const { session, broken } = await open(row!);
  // In a session of its own, so that the death of its group does not reach it.
  assign(session, [
    script('long', `setsid sleep ${A_WHILE}; true`),
    script('other', `exec sleep ${ANOTHER_WHILE}`),
  ]);
  await until(() => isRunning(A_WHILE) && isRunning(ANOTHER_WHILE));

  process.kill(row!.pid, 'SIGKILL');
  await broken;
  assert.equal(await launcher.inspect(row!), 'gone');
  assert.deepEqual([isRunning(A_WHILE), isRunning(ANOTHER_WHILE)], [false, false]);
  assert.deepEqual(findLeftovers(row!.executorId), []);

  const [next] = await launcher.ensure();
  assert.notEqual(next!.executorId, row!.executorId);
});

test('stop leaves an executor that works, and ends one that does not', async (t) => {
  const { home, store, launcher } = await place(t);
  const [row] = await launcher.ensure();
  const { executorId } = row!;
  const { session, reported } = await open(row!);
  t.after(() => session.close());
  assign(session, [script('long', `exec sleep ${A_WHILE}`)]);
  await until(() => isRunning(A_WHILE));
  assert.deepEqual(await launcher.stop([row!], false), { stopped: [], busy: [executorId] });
  assert.equal(await launcher.inspect(row!), 'alive');
  const [other] = await launcher.ensure();
  assert.notEqual(other!.executorId, executorId);

  assert.deepEqual(await launcher.stop([other!], false), { stopped: [other!.executorId], busy: [] });
  const stopped = launcher.stop([row!], true);
  const [report] = await reported(1);
  assert.equal(report!.reason, 'executor-stopped');
  session.send({ acks: [{ ...RUN, attempts: [{ processor: 'long', attempt: 1 }] }] });
  assert.deepEqual(await stopped, { stopped: [executorId], busy: [] });
  assert.deepEqual(await store.listExecutors(), []);
  assert.deepEqual(readdirSync(join(home, 'executors')), []);
});

test('the catalogue names the bundled processors, asked of the program and of the executor alike', async (t) => {
  const [cold, warm] = [await place(t), await place(t)];
  await warm.launcher.ensure();
  const json = await cold.launcher.catalogue();
  assert.deepEqual(JSON.parse(await warm.launcher.catalogue()), JSON.parse(json));
  assert.ok(JSON.parse(json).some(({ name }: { name: string }) => name === 'noop'));
  assert.deepEqual(await cold.store.listExecutors(), []);
});
