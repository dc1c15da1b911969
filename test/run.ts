/**
 * Runs all tests: `npm test`.
 *
 *   npm test -- manager/engine test/kill.test.ts   only files whose path contains one of these
 *   npm test -- --seeds 20000                      from the first flag on, arguments go to every test file
 *
 * The tests share one temporary folder and one mark in their environment. When they are done, a process that
 * still carries the mark, or anything left in the folder, fails the run: it shows as one more failed test.
 */
import { existsSync, globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { endMarkedProcesses, newMark } from './leaks.ts';
import { Report } from './report.ts';
import { limitFiles } from './time-limit.ts';

/** A file that takes longer hangs; the slowest needs about one minute on two cores. */
const FILE_TIMEOUT_MS = 300_000;

/** Files at once: much of what tests do is to wait. On two cores, two at once took 656 s, three 584 s. */
const AT_ONCE = availableParallelism() + 1;

const root = join(import.meta.dirname, '..');
const args = process.argv.slice(2);
const firstFlag = args.findIndex((arg) => arg.startsWith('-'));
const filters = firstFlag < 0 ? args : args.slice(0, firstFlag);
const passedOn = firstFlag < 0 ? [] : args.slice(firstFlag);

const files = globSync('**/*.test.ts', { cwd: root, exclude: ['node_modules', 'dist', '.git'] })
  .filter(
    (file) => filters.length === 0 || filters.some((filter) => file.includes(filter.replace(/^\.\//, ''))),
  )
  // Those that cross rooms take longest, so they start first.
  .sort((a, b) => Number(b.startsWith('test/')) - Number(a.startsWith('test/')) || a.localeCompare(b));
if (files.length === 0) {
  console.error(`No test file matches ${filters.join(', ')}.`);
  process.exit(2);
}

// Short, because unix sockets of tests live below it and their paths end at 107 bytes.
const folder = mkdtempSync(join(tmpdir(), 'wt-'));
const mark = newMark(folder);
Object.assign(process.env, mark.environment, {
  TMPDIR: folder,
  // A test that forgets to choose its WIZ_HOME is found out, and does not touch the user's.
  XDG_STATE_HOME: join(folder, 'state'),
  // Kept between runs, and out of the folder that must be empty at the end.
  NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node-compile-cache'),
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, async () => {
    await endMarkedProcesses(mark, 0);
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  });
}

const report = new Report(root);
// Later than node:test, which says more.
const callOff = existsSync('/proc') ? limitFiles(FILE_TIMEOUT_MS + 30_000, console.error) : () => {};
const events = run({
  cwd: root,
  files: files.map((file) => join(root, file)),
  concurrency: AT_ONCE,
  timeout: FILE_TIMEOUT_MS,
  argv: passedOn,
});
for await (const event of events) report.take(event);
callOff();

const left = [
  ...(await endMarkedProcesses(mark, 2_000)).map((line) => `process ${line}`),
  ...readdirSync(folder).map((name) => `file ${join(folder, name)}`),
];
rmSync(folder, { recursive: true, force: true });
report.end('tests leave no process and no file behind', left);
process.exitCode = report.failed ? 1 : 0;
