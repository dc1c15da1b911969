/** Load on a daemon, and what is read from the journals afterwards. Clients are of this process, managers of others. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Event, RunState } from '../proto/gen/wiz/v1/events_pb.js';
import { type DaemonApi, watchToEnd } from '../test/daemon.ts';

/** Milliseconds between looks at how many runs still go on. */
const LOOK_MS = 50;
/** Most calls under way at once when journals are read. */
const READERS = 8;

export interface Load {
  /** Milliseconds from the first StartRun to the end of the last run. */
  ms: number;
  runIds: string[];
}

/** Starts `total` runs of an applied pipeline so that `atOnce` go on at any time; calls take turns over the managers. */
export async function closedLoop(
  apis: DaemonApi[],
  options: { pipeline: string; total: number; atOnce: number },
): Promise<Load> {
  const { pipeline, total, atOnce } = options;
  const started = performance.now();
  const runIds: string[] = [];
  const calls = new Set<Promise<void>>();
  let begun = 0;
  let running = 0;
  while (begun < total || running > 0 || calls.size > 0) {
    const room = Math.min(total - begun, atOnce - running - calls.size);
    for (let i = 0; i < room; i++) {
      const api = apis[begun++ % apis.length]!;
      const call = start(api, pipeline, runIds).finally(() => calls.delete(call));
      calls.add(call);
    }
    await sleep(LOOK_MS);
    running = await countOwned(apis);
  }
  await allEnded(apis[0]!);
  return { ms: performance.now() - started, runIds };
}

/** Starts runs at a steady pace, whatever becomes of them, and waits for the last to end. */
export async function openLoop(
  apis: DaemonApi[],
  options: { pipeline: string; runsPerSecond: number; seconds: number },
): Promise<Load> {
  const { pipeline, runsPerSecond, seconds } = options;
  const started = performance.now();
  const runIds: string[] = [];
  const calls: Promise<void>[] = [];
  const total = Math.round(runsPerSecond * seconds);
  while (calls.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - started) / 1000) * runsPerSecond));
    while (calls.length < due) calls.push(start(apis[calls.length % apis.length]!, pipeline, runIds));
    await sleep(1);
  }
  await Promise.all(calls);
  await allEnded(apis[0]!);
  return { ms: performance.now() - started, runIds };
}

async function start({ runs }: DaemonApi, pipeline: string, runIds: string[]): Promise<void> {
  const { run } = await runs.startRun({ target: { case: 'pipeline', value: pipeline } });
  runIds.push(run!.runId);
}

/** Runs that go on, as each manager knows of its own: asking the store would be a load of its own. */
async function countOwned(apis: DaemonApi[]): Promise<number> {
  const answers = await Promise.all(apis.map(({ manager }) => manager.getManager({})));
  const own = answers.map(({ managerId, managers }) => managers.find((one) => one.managerId === managerId)!);
  return own.reduce((sum, { runs }) => sum + runs, 0);
}

/** What a manager was given and has not claimed yet is in the store only. */
async function allEnded({ runs }: DaemonApi): Promise<void> {
  for (;;) {
    const { runs: left } = await runs.listRuns({ states: [RunState.RUNNING], pageSize: 1 });
    if (left.length === 0) return;
    await sleep(LOOK_MS);
  }
}

/** The journals of runs that have ended. Throws when one of them did not succeed. */
export async function journals(api: DaemonApi, runIds: string[]): Promise<Event[][]> {
  const left = [...runIds];
  const all: Event[][] = [];
  await Promise.all(
    Array.from({ length: READERS }, async () => {
      for (let runId = left.pop(); runId !== undefined; runId = left.pop()) {
        const { events, state } = await watchToEnd(api, runId);
        if (state !== RunState.SUCCEEDED) throw new Error(`Run ${runId} did not succeed.`);
        all.push(events);
      }
    }),
  );
  return all;
}

/** Milliseconds from the end of each step of a chain to the end of the next, which does nothing: all that lies between is
 *  the system's. By the manager's clock. */
export function stepTimes(journal: Event[]): number[] {
  const ends = journal.filter(({ event }) => event.case === 'attemptEnded').map(({ unixMs }) => unixMs);
  return ends.slice(1).map((end, i) => end - ends[i]!);
}

/** The value below which a share (0 to 1) of the numbers lies. */
export function percentile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}
