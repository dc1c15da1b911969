import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WizError } from '../../proto/error.ts';
import { describeExecutor } from '../dispatch/calls.ts';
import { dialOf } from '../dispatch/dial.ts';
import { executorRow } from '../store/conformance/rows.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { ExecutorRow, Store } from '../store/store.ts';
import { findLeftovers } from './leftovers.ts';
import { createLocalLauncher, type LocalLauncherOptions } from './local.ts';
import { isSameProcess, processStart } from './process-identity.ts';

const ENTRY = join(import.meta.dirname, 'fake-entry.ts');

interface Place {
  home: string;
  store: Store;
  /** A manager's launcher; each call is another manager on the same state. */
  launcher(options?: Partial<LocalLauncherOptions>): ReturnType<typeof createLocalLauncher>;
}

/** A state folder. After the test every executor that it ever had must be gone, or is ended and the test fails. */
async function place(t: TestContext, below = ''): Promise<Place> {
  const root = mkdtempSync(join(tmpdir(), 'wiz-local-'));
  const home = join(root, below);
  mkdirSync(home, { recursive: true });
  const store = await openSqliteStore(join(home, 'wiz.db'));
  const seen = new Set<string>();
  const watched = {
    ...store,
    putExecutor(row: ExecutorRow) {
      seen.add(row.executorId);
      return store.putExecutor(row);
    },
  };
  const launchers: ReturnType<typeof createLocalLauncher>[] = [];
  const launcher = (options: Partial<LocalLauncherOptions> = {}) => {
    const environment = { PATH: process.env.PATH };
    const made = createLocalLauncher({
      store: watched,
      home,
      environment,
      entry: ENTRY,
      version: '1.2.3',
      files: `folder:${home}/files`,
      answerMs: 1000,
      ...options,
    });
    launchers.push(made);
    return made;
  };
  t.after(async () => {
    await launchers[0]?.stop(await store.listExecutors(), true);
    await Promise.all(launchers.map((made) => made.close()));
    await store.close();
    rmSync(root, { recursive: true, force: true });
    const left = [...seen].flatMap(findLeftovers);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    assert.deepEqual(left, [], 'no process is left');
  });
  return { home, store, launcher };
}

/** A program that an executor would have started and not ended. */
async function leftover(t: TestContext, environment: Record<string, string>): Promise<ChildProcess> {
  const child = spawn('sleep', ['60'], { env: { PATH: process.env.PATH, ...environment }, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child;
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5000; !condition(); await sleep(5)) {
    assert.ok(performance.now() < deadline, 'within 5 s');
  }
}

const lives = ({ pid, pidStart }: ExecutorRow) => isSameProcess(pid, pidStart);

test('an executor is started once, outlives its manager, and serves the next one', async (t) => {
  const { home, store, launcher } = await place(t);
  const first = launcher();
  const [row] = await first.ensure();
  assert.equal(row!.launcher, 'local');
  assert.equal(row!.pidStart, processStart(row!.pid));
  assert.match(row!.version, /^1\.2\.3\+[0-9a-f]{12}$/);
  await first.close();

  const { executorId } = await describeExecutor(dialOf(row!));
  assert.equal(executorId, row!.executorId);
  assert.deepEqual(await launcher().ensure(), [row]);
  assert.deepEqual(await store.listExecutors(), [row]);

  const folder = join(home, 'executors', executorId);
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  assert.deepEqual([mode(folder), mode(join(folder, 'token'))], ['700', '600']);
  assert.equal(Buffer.from(row!.token, 'base64url').length, 32);
});

test('managers that start at once share one executor', async (t) => {
  const { store, launcher } = await place(t);
  const rows = await Promise.all([launcher(), launcher(), launcher()].map((each) => each.ensure()));
  assert.equal(new Set(rows.flat().map(({ executorId }) => executorId)).size, 1);
  assert.equal((await store.listExecutors()).length, 1);
  assert.deepEqual(await store.listLeases('launch'), []);
});

test('another environment, build or number of slots gets another executor; another terminal does not', async (t) => {
  const { launcher } = await place(t);
  const environment = { PATH: process.env.PATH, SHLVL: '1', TERM: 'xterm', WIZ_RUN_ID: 'outer' };
  const id = async (options: Partial<LocalLauncherOptions>) =>
    (await launcher(options).ensure())[0]!.executorId;

  const first = await id({ environment });
  assert.equal(
    await id({ environment: { ...environment, SHLVL: '2', TERM: 'dumb', WIZ_RUN_ID: '' } }),
    first,
  );
  assert.notEqual(await id({ environment: { ...environment, API_URL: 'http://other' } }), first);
  assert.notEqual(await id({ environment, version: '1.2.4' }), first);
  assert.notEqual(await id({ environment, slots: 17 }), first);
});

test('kill -9: gone, with all that it left behind, and the next one is another', async (t) => {
  const { home, store, launcher } = await place(t);
  const local = launcher();
  const [row] = await local.ensure();
  const { executorId } = row!;
  const left = await leftover(t, { WIZ_EXECUTOR_ID: executorId });
  const others = [
    await leftover(t, { WIZ_EXECUTOR_ID: `${executorId}x` }),
    await leftover(t, { NOT_WIZ_EXECUTOR_ID: executorId }),
    await leftover(t, { TEXT: `WIZ_EXECUTOR_ID=${executorId}` }),
  ];
  assert.equal(await local.inspect(row!), 'alive');

  const exited = once(left, 'exit');
  process.kill(row!.pid, 'SIGKILL');
  await until(() => !lives(row!));
  assert.equal(await local.inspect(row!), 'gone');
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  assert.deepEqual(findLeftovers(executorId), []);
  for (const other of others) assert.equal(isSameProcess(other.pid!, processStart(other.pid!)), true);
  assert.deepEqual(await store.listExecutors(), []);
  assert.equal(existsSync(join(home, 'executors', executorId)), false);

  const [next] = await local.ensure();
  assert.notEqual(next!.executorId, executorId);
});

test('an executor that stands still is ended, and gone', async (t) => {
  const { launcher } = await place(t);
  const local = launcher({ answerMs: 100 });
  const [row] = await local.ensure();
  process.kill(row!.pid, 'SIGSTOP');
  assert.equal(await local.inspect(row!), 'gone');
  assert.equal(lives(row!), false);
});

test('an executor that stands still is left alone by stop, unless it is forced', async (t) => {
  const { launcher } = await place(t);
  const local = launcher({ answerMs: 100 });
  const [row] = await local.ensure();
  process.kill(row!.pid, 'SIGSTOP');
  assert.deepEqual(await local.stop([row!], false), { stopped: [], busy: [row!.executorId] });
  assert.equal(lives(row!), true);
  assert.deepEqual(await local.stop([row!], true), { stopped: [row!.executorId], busy: [] });
  assert.equal(lives(row!), false);
});

test('a pid that is another process’s now is not touched', async (t) => {
  const { store, launcher } = await place(t);
  const bystander = await leftover(t, {});
  const row = executorRow({
    executorId: 'dead',
    address: 'unix:/nowhere/socket',
    machine: '',
    pid: bystander.pid!,
    pidStart: processStart(bystander.pid!) - 1,
  });
  await store.putExecutor(row);
  const local = launcher();
  assert.equal(await local.inspect(row), 'gone');
  assert.deepEqual(await local.stop([row], true), { stopped: ['dead'], busy: [] });
  assert.equal(isSameProcess(bystander.pid!, processStart(bystander.pid!)), true);
});

test('a state folder with a long path still has executors; their sockets are elsewhere and removed', async (t) => {
  const { store, launcher } = await place(t, `${'long-'.repeat(20)}/${'path-'.repeat(20)}`);
  const local = launcher();
  const [row] = await local.ensure();
  const socket = row!.address.slice('unix:'.length);
  assert.ok(socket.startsWith(join(tmpdir(), 'wiz-')));
  assert.equal((statSync(dirname(socket)).mode & 0o777).toString(8), '700');
  assert.equal((await describeExecutor(dialOf(row!))).executorId, row!.executorId);

  assert.deepEqual(await local.stop([row!], false), { stopped: [row!.executorId], busy: [] });
  assert.equal(existsSync(dirname(socket)), false);
  assert.deepEqual(await store.listExecutors(), []);
});

test('an executor that fails to start says why, with the end of its log, and leaves nothing', async (t) => {
  const { home, store, launcher } = await place(t);
  const environment = { PATH: process.env.PATH, FAKE: 'crash' };
  await assert.rejects(launcher({ environment }).ensure(), (error) => {
    assert.ok(error instanceof WizError);
    assert.equal(error.code, 'unavailable');
    assert.match(
      error.message,
      /^The local executor ended before it was ready \(exit code 7\)\. The end of its log:\n/,
    );
    assert.match(error.message, /\nline 499 of the log\nline 500 of the log$/);
    assert.doesNotMatch(error.message, /line 1 of/);
    return true;
  });
  await assert.rejects(launcher({ entry: join(import.meta.dirname, 'absent.ts') }).ensure(), {
    code: 'unavailable',
    message: /Cannot find module/,
  });
  assert.deepEqual(readdirSync(join(home, 'executors')), []);
  assert.deepEqual(await store.listExecutors(), []);
});

test('an executor that never gets ready is ended', async (t) => {
  const { store, launcher } = await place(t);
  const environment = { PATH: process.env.PATH, FAKE: 'hang' };
  await assert.rejects(launcher({ environment, readyMs: 300 }).ensure(), {
    message: /was not ready after 0.3 s and was ended. Its log is empty/,
  });
  assert.deepEqual(await store.listExecutors(), []);
});

test('stop leaves an executor with work alone, but gives it to nobody any more; force ends it', async (t) => {
  const { launcher } = await place(t);
  const environment = { PATH: process.env.PATH, FAKE: 'busy' };
  const local = launcher({ environment });
  const [busy] = await local.ensure();
  assert.deepEqual(await local.stop([busy!], false), { stopped: [], busy: [busy!.executorId] });
  assert.equal(await local.inspect(busy!), 'alive');

  const [other] = await local.ensure();
  assert.notEqual(other!.executorId, busy!.executorId);
  const stopped = [busy!.executorId, other!.executorId];
  assert.deepEqual(await local.stop([busy!, other!], true), { stopped, busy: [] });
  assert.deepEqual([lives(busy!), lives(other!)], [false, false]);
});

test('rows and folders of executors that ended by themselves are removed by whoever comes next', async (t) => {
  const { home, store, launcher } = await place(t);
  const [row] = await launcher().ensure();
  const stale = join(home, 'executors', 'stale');
  const fresh = join(home, 'executors', 'fresh');
  for (const folder of [stale, fresh]) mkdirSync(folder);
  const anHourAgo = Date.now() / 1000 - 3600;
  utimesSync(stale, anHourAgo, anHourAgo);
  process.kill(row!.pid, 'SIGKILL');
  await until(() => !lives(row!));

  const next = launcher();
  const [started] = await next.ensure();
  await next.close();
  assert.deepEqual(await store.listExecutors(), [started]);
  assert.deepEqual(readdirSync(join(home, 'executors')).sort(), ['fresh', started!.executorId].sort());
});

test('the folder of one goes with it, also when a manager with another state folder finds it dead', async (t) => {
  const { home, store, launcher } = await place(t);
  const [row] = await launcher().ensure();
  process.kill(row!.pid, 'SIGKILL');
  await until(() => !lives(row!));

  const elsewhere = mkdtempSync(join(tmpdir(), 'wiz-local-'));
  t.after(() => rmSync(elsewhere, { recursive: true }));
  mkdirSync(join(elsewhere, 'executors'));
  await launcher({ home: elsewhere }).stop([row!], true);
  assert.deepEqual(await store.listExecutors(), []);
  assert.deepEqual(readdirSync(join(home, 'executors')), []);
});

test('the catalogue is asked for once for each build', async (t) => {
  const { launcher } = await place(t);
  const types = [{ name: 'fake', description: 'Does nothing.' }];
  assert.deepEqual(JSON.parse(await launcher().catalogue()), types);
  // Stored: a program that would only crash is not asked.
  const environment = { PATH: process.env.PATH, FAKE: 'crash' };
  assert.deepEqual(JSON.parse(await launcher({ environment }).catalogue()), types);
});

test('the catalogue comes from the executor that is being started anyway', async (t) => {
  const { launcher } = await place(t);
  const local = launcher();
  const [, catalogue] = await Promise.all([local.ensure(), local.catalogue()]);
  assert.deepEqual(JSON.parse(catalogue), [{ name: 'fake', description: 'Does nothing.' }]);
});
