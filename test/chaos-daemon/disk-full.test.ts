/** The disk of a daemon on SQLite becomes full, and has room again. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Daemon, startDaemon, startRun } from '../daemon.ts';
import { rowsOf } from '../e2e/left-behind.ts';
import { newPlace, until } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import { letGo } from '../managers/several.fixture.ts';
import { allEnded, countedOnce, logOf } from './ground.fixture.ts';

const RUNS = 4;
/** Lines that each program writes after the disk is full; more than fits beside it in what SQLite has in hand. */
const LINES = 5_000;

/** Says something, waits for the file NAME.go, and says a lot. */
const talking = (name: string) => `name: talking
processors:
  a: { run: 'echo first; echo $$ > ${name}.new; mv ${name}.new ${name}.pid; until test -e ${name}.go; do sleep 0.05; done; seq ${LINES}' }
  b: { needs: a, run: echo last }
`;

function mounts(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** At once, whoever still uses it. */
function unmount(folder: string): void {
  execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
}

/** Writes until nothing more fits. */
function fill(file: string): void {
  const fd = openSync(file, 'a');
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(fd);
  }
}

async function readiness({ url }: Daemon) {
  const response = await fetch(`${url}/readyz`);
  const { checks } = (await response.json()) as { checks: Record<string, string> };
  return { status: response.status, checks };
}

test('a full disk: runs wait, it says so and is not ready; with room again they end, and their logs are whole', async (t) => {
  const place = newPlace();
  mkdirSync(place.home);
  if (!mounts(place.home)) {
    await place.leave();
    return t.skip('mounting a small disk is not permitted here');
  }
  const interrupted = () => {
    unmount(place.home);
    process.exit(130);
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, interrupted);
  const filler = join(place.home, 'filler');
  let daemon: Daemon | undefined;
  t.after(async () => {
    // What stops executors needs room, and the disk: it is let go when all who use it have ended.
    rmSync(filler, { force: true });
    await daemon?.kill();
    await place.run(['executor', 'stop', '--force']);
    unmount(place.home);
    for (const signal of signals) process.off(signal, interrupted);
    await place.leave();
  });

  daemon = await startDaemon(place);
  await until('it is ready', async () => (await readiness(daemon!)).status === 200);
  const runIds: string[] = [];
  for (let n = 0; n < RUNS; n += 1) runIds.push(await startRun(daemon.api, place, talking(`full${n}`)));
  for (let n = 0; n < RUNS; n += 1) await pidIn(join(place.folder, `full${n}.pid`));

  fill(filler);
  for (let n = 0; n < RUNS; n += 1) letGo(place, `full${n}`);
  await daemon.process.says(/runs wait/);
  let last: unknown;
  await until('the check of what is written fails', async () => {
    const { status, checks } = await readiness(daemon!);
    last = checks;
    return status === 503 && checks.writing === 'failed';
  }).catch((error) => {
    error.message += ` ${JSON.stringify(last)}`;
    throw error;
  });
  const { runs } = await daemon.api.runs.listRuns({});
  assert.equal(runs.length, RUNS, 'it answers meanwhile');

  rmSync(filler);
  await daemon.process.says(/runs go on/);
  await allEnded(daemon.api);
  await until('it is ready again', async () => (await readiness(daemon!)).status === 200);
  const lines = Array.from({ length: LINES }, (_, n) => `${n + 1}\n`).join('');
  for (const runId of runIds) {
    await countedOnce(daemon.api, runId, ['a', 'b']);
    assert.equal(await logOf(daemon.api, runId, 'a'), `first\n${lines}`);
    assert.equal(await logOf(daemon.api, runId, 'b'), 'last\n');
  }
  await daemon.stop();
  assert.deepEqual(rowsOf(place.home, 'managers'), []);
  assert.deepEqual(
    rowsOf(place.home, 'leases').filter(({ kind }) => kind !== 'prune'),
    [],
  );
});
