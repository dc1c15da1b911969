import { type Event, RunState } from '../proto/gen/wiz/v1/events_pb.js';
import type { RunMachine } from './engine/run.ts';
import type { Change, Store } from './store/store.ts';

/** Events in one message of a stream. */
const PAGE = 5000;
/** Commits that wait in memory for a watcher. */
const MOST_FRESH = 1000;

/**
 * Who watches which run. A watcher reads the journal; it is woken when this manager commits to the run, or when the
 * store says that another one did. What this manager has just committed is handed over without reading it again.
 */
export interface Watchers {
  committed(run: RunMachine, events: Event[]): void;
  /** Events after a sequence number, until the run has ended and all is told. Ends early on abort. */
  watch(runId: string, afterSeq: number, signal: AbortSignal): AsyncIterable<Event[]>;
  /** Calls whenever another manager has changed something; returns how to stop. */
  onForeignCommit(listener: (change: Change) => void): () => void;
  /** Streams that are open. */
  count(): number;
  close(): void;
}

interface Watcher {
  runId: string;
  seq: number;
  fresh: Event[][];
  wake: () => void;
}

export function createWatchers(
  store: Store,
  /** Number of the last committed event of a run that this manager owns; undefined for others. */
  committedSeq: (runId: string) => number | undefined,
): Watchers {
  const byRun = new Map<string, Set<Watcher>>();
  const listeners = new Set<(change: Change) => void>();
  let closed = false;

  const changes = store.watchChanges((change) => {
    for (const listener of listeners) listener(change);
    if (change.kind === 'runs') for (const runId of change.runIds) wake(byRun.get(runId));
    else if (change.kind === 'any') for (const set of byRun.values()) wake(set);
  });

  async function* watch(runId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<Event[]> {
    const watcher: Watcher = { runId, seq: afterSeq, fresh: [], wake: () => {} };
    const set = byRun.get(runId) ?? new Set();
    byRun.set(runId, set.add(watcher));
    // Somebody waits: the process must not end for want of anything else to do.
    changes.ref();
    const abort = () => watcher.wake();
    signal.addEventListener('abort', abort);
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          watcher.wake = resolve;
        });
        // Of its own runs a manager hands over every event: nothing to look up (130 us a step of a chain).
        if (committedSeq(runId) === watcher.seq && !signal.aborted) {
          await woken;
          continue;
        }
        const events = await next(watcher);
        if (events.length > 0) {
          watcher.seq = events[events.length - 1]!.seq;
          yield events;
          continue;
        }
        if (signal.aborted || closed) return;
        const row = await store.getRun(runId);
        if (row === undefined) return;
        if (row.state !== RunState.RUNNING && row.seq <= watcher.seq) return;
        if (row.seq > watcher.seq) continue;
        await woken;
      }
    } finally {
      signal.removeEventListener('abort', abort);
      set.delete(watcher);
      if (set.size === 0) byRun.delete(runId);
      if (byRun.size === 0) changes.unref();
    }
  }

  /** What was handed over, if it goes on where the watcher is; else what the journal has. */
  async function next(watcher: Watcher): Promise<Event[]> {
    const batches = watcher.fresh.splice(0);
    // As it is: all who watch the run are told the same, and it is encoded once.
    if (batches.length === 1 && batches[0]![0]?.seq === watcher.seq + 1) return batches[0]!;
    const fresh = batches.flat();
    const from = fresh.findIndex((event) => event.seq > watcher.seq);
    if (from >= 0 && fresh[from]!.seq === watcher.seq + 1) return fresh.slice(from);
    return store.readEvents(watcher.runId, watcher.seq, PAGE);
  }

  return {
    committed(run, events) {
      for (const watcher of byRun.get(run.runId) ?? []) {
        // One that is not read from would hold the whole run in memory: it reads the journal when it goes on.
        if (watcher.fresh.length >= MOST_FRESH) watcher.fresh = [];
        watcher.fresh.push(events);
        watcher.wake();
      }
    },
    watch,
    onForeignCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    count() {
      let streams = 0;
      for (const { size } of byRun.values()) streams += size;
      return streams;
    },
    close() {
      closed = true;
      changes.close();
      for (const set of byRun.values()) wake(set);
    },
  };
}

function wake(watchers: ReadonlySet<Watcher> = new Set()): void {
  for (const watcher of watchers) watcher.wake();
}
