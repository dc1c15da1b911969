import { WizError } from '../../proto/error.ts';
import { newId } from '../../proto/ids.ts';
import type { AccessStore, AuditEnd, AuditRow } from '../store/access-store.ts';
import type { Identity } from './identity.ts';
import { clean } from './target.ts';

/**
 * Who did what: one entry for each call that may change something, also for those that are refused.
 *
 * An entry is written twice. Before the call: that it is about to be made; the call waits for this, and is refused when it
 * cannot be written. After it: how it ended. So a call that did something has its entry, whatever ends the manager in
 * between; an entry without an outcome says that nobody knows. One transaction with what the call commits would do the same
 * only for calls that commit one thing, in this store.
 *
 *   [begin] --written--> open --call ends--> ended --written--> [done]
 *   [refused] --written--> [done]
 *
 * Neither write waits for the disk (see writeAudit): a call costs one commit more, and no sync. What is asked while a commit
 * is on its way goes with the next, so that a thousand calls at once are two commits.
 */
export interface AuditLog {
  /** Resolves when the entry is written. Throws WizError when it cannot be: the call must not be made. */
  begin(call: AuditedCall): Promise<OpenEntry>;
  /** A call that was not made. Nobody waits for it; when the store fails for long, the oldest of too many are dropped. */
  refused(call: AuditedCall, outcome: string): void;
  /** A call that was not even looked at, because its network had failed too often: equal ones within a minute are one entry,
   *  or a flood of them would fill the store. */
  turnedAway(call: AuditedCall, outcome: string): void;
  /** Writes what is left, as far as the store lets it. */
  close(): Promise<void>;
}

export interface AuditedCall {
  caller: Identity | undefined;
  method: string;
  target: string;
  peer: string;
  traceId: string;
}

export interface OpenEntry {
  readonly target: string;
  end(outcome: string, target: string): void;
}

export interface AuditOptions {
  store: Pick<AccessStore, 'writeAudit' | 'pruneAudit'>;
  managerId: string;
  /** Entries that are older are deleted; 0: none ever is. */
  keepDays: number;
  note: (message: string) => void;
}

/** Entries that wait for the store: more calls are refused. */
const MOST_WAITING = 10_000;
/** Milliseconds after which is written what could not be, and what is not urgent. */
const LATER_MS = 1000;
/** Milliseconds in which equal calls that were turned away are one entry. */
const MERGE_MS = 60_000;
/** Milliseconds between looks for old entries, and how many are deleted at once: a commit of some milliseconds. */
const PRUNE_MS = 3_600_000;
const PRUNE_COUNT = 1000;
const DAY_MS = 86_400_000;

interface Waiting {
  row: AuditRow;
  written?: { resolve: () => void; reject: (error: unknown) => void };
}

export function createAuditLog({ store, managerId, keepDays, note }: AuditOptions): AuditLog {
  let adding: Waiting[] = [];
  let ending: AuditEnd[] = [];
  const merged = new Map<string, AuditRow>();
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let pruneAfterMs = 0;
  let hasDropped = false;

  /** What comes while a commit is on its way waits for the next. */
  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing ??= write();
    return writing;
  }

  function flushLater(): void {
    timer ??= setTimeout(() => void flush(), LATER_MS).unref();
  }

  async function write(): Promise<void> {
    // Calls that arrive in the same turn go together.
    await Promise.resolve();
    let well = true;
    while (well && adding.length + ending.length > 0) well = await writeWaiting();
    writing = undefined;
    if (well) void prune();
    else flushLater();
  }

  async function writeWaiting(): Promise<boolean> {
    const [added, ended] = [adding, ending];
    adding = [];
    ending = [];
    try {
      const rows = added.map(({ row }) => row);
      await store.writeAudit(rows, ended);
      for (const { written } of added) written?.resolve();
      return true;
    } catch (error) {
      for (const { written } of added) written?.reject(error);
      keepForLater(added, ended);
      return false;
    }
  }

  /** Whose call waits has been told; the rest is tried again. */
  function keepForLater(added: Waiting[], ended: AuditEnd[]): void {
    adding = [...added.filter(({ written }) => written === undefined), ...adding];
    ending = [...ended, ...ending];
    const over = Math.max(0, adding.length - MOST_WAITING) + Math.max(0, ending.length - MOST_WAITING);
    if (over > 0) {
      adding = adding.slice(-MOST_WAITING);
      ending = ending.slice(-MOST_WAITING);
      if (!hasDropped)
        note('the audit cannot be written for so long that entries of refused calls are dropped');
      hasDropped = true;
    }
  }

  async function prune(): Promise<void> {
    const nowMs = Date.now();
    if (keepDays === 0 || nowMs < pruneAfterMs) return;
    pruneAfterMs = nowMs + PRUNE_MS;
    try {
      const count = await store.pruneAudit(nowMs - keepDays * DAY_MS, PRUNE_COUNT);
      if (count === PRUNE_COUNT) pruneAfterMs = 0;
    } catch (error) {
      note(`old entries of the audit were not deleted: ${(error as Error).message}`);
    }
  }

  function rowFor({ caller, method, target, peer, traceId }: AuditedCall, outcome: string): AuditRow {
    const atMs = Date.now();
    return {
      entryId: newId(atMs),
      atMs,
      actor: clean(caller?.name ?? ''),
      kind: caller?.kind ?? '',
      credential: clean(caller?.credential ?? ''),
      method,
      target,
      outcome,
      peer,
      managerId,
      traceId,
      calls: 1,
    };
  }

  function add(row: AuditRow): void {
    adding.push({ row });
    void flush();
  }

  return {
    async begin(call) {
      if (adding.length >= MOST_WAITING) {
        throw new WizError(
          'resource_exhausted',
          'Too many calls wait for the audit to be written. Try again later.',
        );
      }
      const row = rowFor(call, '');
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      adding.push({ row, written: { resolve, reject } });
      void flush();
      await promise;
      return {
        target: call.target,
        end(outcome, target) {
          ending.push({ entryId: row.entryId, outcome, target, calls: 1 });
          void flush();
        },
      };
    },
    refused: (call, outcome) => add(rowFor(call, outcome)),
    turnedAway(call, outcome) {
      const key = `${call.peer} ${call.method}`;
      const before = merged.get(key);
      if (before !== undefined && Date.now() - before.atMs < MERGE_MS) {
        before.calls += 1;
        const { entryId, target, calls } = before;
        const same = ending.find((end) => end.entryId === entryId);
        if (same !== undefined) same.calls = calls;
        else ending.push({ entryId, target, outcome, calls });
        flushLater();
        return;
      }
      const row = rowFor(call, outcome);
      merged.delete(key);
      merged.set(key, row);
      if (merged.size > MOST_WAITING) merged.delete(merged.keys().next().value!);
      add({ ...row });
    },
    async close() {
      await flush();
      clearTimeout(timer);
      const left = adding.length + ending.length;
      if (left > 0) note(`${left} entries of the audit could not be written`);
    },
  };
}
