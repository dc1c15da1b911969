import { setTimeout as sleep } from 'node:timers/promises';
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import type { Loop } from './engine/loop.ts';
import type { RunMachine } from './engine/run.ts';
import type { Membership } from './ownership.ts';
import { type Spread, spreadOver } from './spread.ts';
import type { ManagerRow, Store } from './store/store.ts';

/**
 * The runs of a store, shared by its managers. Seen from one of them, a run is
 *
 *   elsewhere --nobody has it, and it belongs here--> claimed --its journal is read--> here --it ended--> over
 *   here      --it belongs to another one for a while--> given --dropped and released--> elsewhere
 *   here      --fenced, or another one has it in the store--> elsewhere
 *
 * Daemons with the role `runs` that do not drain share by spread.ts. A bundled manager keeps what it started, and nobody
 * takes that while it lives; runs that nobody has are taken by the background manager where there is no daemon.
 *
 * Programs do not notice: whoever claims a run presents its greater epoch to the executors that have attempts of it, which
 * go on and report there. A run moves only after the daemons have been the same for SETTLE_MS, and a few at a heartbeat,
 * so that a daemon which comes and goes moves nothing.
 */
export interface Sharing {
  /** Whether a run that is about to begin, or to go on, is this manager's; else it is nobody's until it is claimed.
   *  `detach`: whoever began it does not wait for it, which only a bundled manager heeds. */
  keeps(runId: string, detach: boolean): boolean;
  /** Takes up to `limit` runs that nobody has and that belong here; returns how many. */
  claim(limit?: number): Promise<number>;
  /** Does what takes a run for this manager. Until it is done, nothing is set right about a run that is not here yet. */
  holding<T>(runId: string, work: () => Promise<T>): Promise<T>;
  /** At each heartbeat: claims, gives away what belongs elsewhere, and sets right what differs from the store. */
  look(): Promise<void>;
  /** Lets go of what it does not own in the store: it was taken for dead. */
  dropForeign(): Promise<void>;
  /** Gives every run back to the store. From here on none is taken. */
  giveAll(): Promise<void>;
}

export interface SharingOptions {
  managerId: string;
  kind: ManagerRow['kind'];
  roles: ManagerRow['roles'];
  store: Store;
  loop: Loop;
  membership(): Membership;
  /** Goes on with runs that were claimed. */
  adopt(claimed: { runId: string; epoch: number }[]): Promise<void>;
  /** What else is kept of a run is forgotten. */
  forget(runId: string): void;
  /** Executors on which a run has attempts. */
  executorsOf(run: RunMachine): Iterable<string>;
  /** Waits until executors have taken what was sent to them. */
  flush(executorIds: Iterable<string>): Promise<void>;
  note(message: string): void;
}

/** Runs that are claimed in one transaction. */
const CLAIM = 100;
/** Runs that are given away at a heartbeat: each costs a transaction's share here and a read journal there, about a
 *  millisecond for a hundred events. */
const GIVE = 50;
/** Milliseconds for which the daemons must have been the same before runs move: a daemon that restarts is back sooner. */
const SETTLE_MS = 3000;
/** Milliseconds for giving all away, and between tries: a session that was broken is there again. */
const GIVE_ALL_MS = 4000;
const GIVE_AGAIN_MS = 50;

export function createSharing(options: SharingOptions): Sharing {
  const { managerId, kind, roles, store, loop } = options;
  let spread: Spread = spreadOver([]);
  let shards: number[] = [];
  let sinceMs = performance.now();
  let closed = false;
  /** Taken, and not in the loop yet. */
  const coming = new Set<string>();
  /** What differed from the store at the last heartbeat: runs with their epochs. */
  let odd = new Map<string, number>();
  let turn: Promise<unknown> = Promise.resolve();

  /** One after the other. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = turn.then(work);
    turn = next.catch(() => {});
    return next;
  }

  function seePeers(peers: readonly ManagerRow[]): void {
    const ids = peers.filter(sharesRuns).map((peer) => peer.managerId);
    ids.sort();
    if (ids.join() === spread.managerIds.join()) return;
    spread = spreadOver(ids);
    shards = spread.shardsOf(managerId);
    sinceMs = performance.now();
    if (kind === 'daemon')
      options.note(`${ids.length} managers share the runs, ${shards.length} shards are here`);
  }

  /** Undefined is all of them. */
  function ownShards(): number[] | undefined {
    if (kind === 'background') return spread.managerIds.length === 0 ? undefined : [];
    if (kind !== 'daemon' || !roles.includes('runs')) return [];
    return spread.managerIds.length === 1 && shards.length > 0 ? undefined : shards;
  }

  async function claim(limit: number): Promise<number> {
    if (closed) return 0;
    const peers = await options.membership().look();
    seePeers(peers);
    const own = ownShards();
    if (own?.length === 0) return 0;
    const living = peers.map((peer) => peer.managerId);
    let count = 0;
    while (count < limit && !closed) {
      const wanted = Math.min(CLAIM, limit - count);
      const claimed = await store.claimRuns(managerId, living, wanted, own);
      for (const { runId } of claimed) coming.add(runId);
      try {
        await options.adopt(claimed);
      } finally {
        for (const { runId } of claimed) coming.delete(runId);
      }
      count += claimed.length;
      if (claimed.length < wanted) break;
    }
    return count;
  }

  /** Runs that belong elsewhere, and whose attempts can be reached from there. */
  async function toGive(): Promise<string[]> {
    if (kind !== 'daemon' || performance.now() - sinceMs < SETTLE_MS) return [];
    const foreign = [...loop.runs.values()].filter(({ runId }) => {
      const owner = spread.ownerOf(runId);
      return owner !== undefined && owner !== managerId;
    });
    if (foreign.length === 0) return [];
    const executors = new Map((await store.listExecutors()).map((row) => [row.executorId, row]));
    const machines = new Map(options.membership().peers.map((peer) => [peer.managerId, peer.machine]));
    const reaches = (run: RunMachine) =>
      [...options.executorsOf(run)].every((executorId) => {
        const row = executors.get(executorId);
        if (row === undefined || row.launcher !== 'local') return true;
        return row.machine === machines.get(spread.ownerOf(run.runId)!);
      });
    return foreign
      .filter(reaches)
      .slice(0, GIVE)
      .map(({ runId }) => runId);
  }

  /** Those of which something still waits to be sent stay. */
  async function give(runIds: string[]): Promise<void> {
    if (runIds.length === 0) return;
    const runs = runIds.flatMap((runId) => loop.runs.get(runId) ?? []);
    for (const runId of runIds) loop.letGo(runId);
    // What was being committed is committed, and what was to be sent is there: the next owner finds it.
    await loop.settled();
    const given = runs.filter(({ runId }) => !loop.runs.has(runId));
    for (const { runId } of given) options.forget(runId);
    await options.flush(new Set(given.flatMap((run) => [...options.executorsOf(run)])));
    await store.releaseRuns(
      managerId,
      given.map(({ runId }) => runId),
    );
  }

  async function giveAll(): Promise<void> {
    const deadline = performance.now() + GIVE_ALL_MS;
    while (loop.runs.size > 0 && performance.now() < deadline) {
      await give([...loop.runs.keys()]);
      if (loop.runs.size > 0) await sleep(GIVE_AGAIN_MS);
    }
    // An executor that does not answer keeps nobody here: what it was not sent is lost to it.
    const left = [...loop.runs.keys()];
    for (const runId of left) loop.drop(runId);
    await loop.settled();
    await store.releaseRuns(managerId, left);
  }

  /**
   * What the store says and what is here are the same, but for what is under way; what differs at two heartbeats is set
   * right. A claim whose journal could not be read is such a case: it would stand still for ever.
   */
  async function setRight(): Promise<void> {
    const owned = new Map((await store.ownedRuns(managerId)).map(({ runId, epoch }) => [runId, epoch]));
    const differs = new Map<string, number>();
    for (const [runId, epoch] of owned) {
      if (!coming.has(runId) && loop.runs.get(runId)?.epoch !== epoch) differs.set(runId, epoch);
    }
    for (const { runId, epoch } of loop.runs.values()) {
      if (owned.get(runId) === undefined) differs.set(runId, -epoch);
    }
    const twice = [...differs].filter(([runId, epoch]) => odd.get(runId) === epoch);
    odd = differs;
    for (const [runId, epoch] of twice) {
      options.note(`run ${runId} is ${epoch > 0 ? 'ours and was not here' : 'here and not ours'}`);
      if (epoch > 0) await takeUp(runId, epoch);
      else drop(runId, -epoch);
    }
  }

  async function takeUp(runId: string, epoch: number): Promise<void> {
    const row = await store.getRun(runId);
    if (row?.state === RunState.RUNNING) await options.adopt([{ runId, epoch }]);
    else await store.releaseRuns(managerId, [runId]);
  }

  function drop(runId: string, epoch: number): void {
    loop.drop(runId, epoch + 1);
    options.forget(runId);
  }

  return {
    keeps(runId, detach) {
      if (kind !== 'daemon') return !detach;
      seePeers(options.membership().peers);
      return !closed && spread.ownerOf(runId) === managerId;
    },
    claim: (limit = Number.POSITIVE_INFINITY) => inTurn(() => claim(limit)),
    async holding(runId, work) {
      coming.add(runId);
      try {
        return await work();
      } finally {
        coming.delete(runId);
      }
    },
    look: () =>
      inTurn(async () => {
        // It takes nothing that others began, and nobody takes what it began.
        if (kind === 'cli') return;
        await claim(Number.POSITIVE_INFINITY);
        if (closed) return;
        await give(await toGive());
        await setRight();
      }),
    dropForeign: () =>
      inTurn(async () => {
        const owned = new Map((await store.ownedRuns(managerId)).map(({ runId, epoch }) => [runId, epoch]));
        for (const { runId, epoch } of [...loop.runs.values()]) {
          if (owned.get(runId) !== epoch) drop(runId, epoch);
        }
      }),
    giveAll() {
      closed = true;
      return inTurn(giveAll);
    },
  };
}

/** Whether runs are spread over this manager too. */
export function sharesRuns({ kind, roles, draining }: ManagerRow): boolean {
  return kind === 'daemon' && roles.includes('runs') && !draining;
}

/** Whether it takes runs that nobody has. */
export function takesOrphans(row: ManagerRow): boolean {
  return row.kind === 'background' || sharesRuns(row);
}
