import { setTimeout as sleep } from 'node:timers/promises';
import { WizError } from '../proto/error.ts';
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import { coalesced } from './coalesced.ts';
import type { Loop } from './engine/loop.ts';
import type { RunRow, Store } from './store/store.ts';
import type { Watchers } from './watchers.ts';

/**
 * Commands for runs that another manager owns go through the store.
 *
 *   sent --the owner reads it--> carried out --the journal has it--> removed
 *
 * An owner that dies in between has left it there: whoever takes the run over carries it out. A second time changes
 * nothing. The sender waits for the journal, which is what it tells its caller.
 */
export interface Commands {
  /** Carries out what was sent for runs of this manager. */
  take(): Promise<void>;
  /** Takes nothing from here on; resolves when what was taken is carried out. */
  close(): Promise<void>;
}

export function createCommands(options: {
  store: Pick<Store, 'readCommands' | 'removeCommands'>;
  managerId: string;
  loop: Loop;
  note(message: string): void;
}): Commands {
  const { store, managerId, loop } = options;
  let closed = false;

  async function carryOut(): Promise<void> {
    if (closed || loop.runs.size === 0) return;
    const commands = await store.readCommands(managerId);
    const here = commands.filter(({ runId }) => loop.runs.has(runId));
    if (here.length === 0) return;
    for (const { runId, message } of here) {
      if (loop.runs.get(runId)?.cancelRequested !== true) loop.cancel(runId, message);
    }
    await loop.settled();
    // One that was given away meanwhile, or could not be journaled, is told to the next owner; those of a run that ended
    // went with it.
    const done = here.filter(({ runId }) => {
      const run = loop.runs.get(runId);
      return run?.cancelRequested === true && run.uncommitted.length === 0;
    });
    if (done.length > 0) await store.removeCommands(done.map(({ id }) => id));
  }

  const take = coalesced(carryOut, (error) => options.note(`commands were not taken: ${error.message}`));
  return {
    take,
    close() {
      closed = true;
      return take();
    },
  };
}

/** Milliseconds that a caller waits for the owner of a run: longer than another manager needs to take a dead one's runs
 *  over on the same machine, shorter than people wait. */
const ANSWER_MS = 10_000;
/** Milliseconds between looks, when no store tells of a change. */
const LOOK_MS = 100;

/** Asks the owner of a run to cancel it; resolves when the journal says so, with the row as it is then. Throws WizError
 *  unavailable when nobody has carried it out in time: it still will be. */
export async function cancelElsewhere(
  { store, watchers }: { store: Store; watchers: Watchers },
  row: RunRow,
  message: string,
  signal?: AbortSignal,
): Promise<RunRow> {
  await store.sendCommand({ runId: row.runId, kind: 'cancel', message });
  const deadline = performance.now() + ANSWER_MS;
  for (;;) {
    const now = await store.getRun(row.runId);
    if (now === undefined || now.cancelRequested || now.state !== RunState.RUNNING) return now ?? row;
    if (performance.now() > deadline) break;
    signal?.throwIfAborted();
    await changed(watchers, row.runId);
  }
  throw new WizError(
    'unavailable',
    `The manager that owns run ${row.runId} did not answer within ${ANSWER_MS / 1000} s. The cancel is kept, and is ` +
      'carried out by whoever goes on with the run.',
  );
}

async function changed(watchers: Watchers, runId: string): Promise<void> {
  const waiting = new AbortController();
  const stop = watchers.onForeignCommit((change) => {
    if (change.kind === 'any' || (change.kind === 'runs' && change.runIds.includes(runId))) waiting.abort();
  });
  await sleep(LOOK_MS, undefined, { signal: waiting.signal }).catch(() => {});
  stop();
}
