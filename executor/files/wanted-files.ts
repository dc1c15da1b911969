import { FileStoreError } from '../../files/file-store.ts';
import { unlessAborted } from './places.ts';

/**
 * Objects that attempts wait for. All managers in session are told of each, once; one of them gives it, says that it
 * does not have it, or nothing comes. A want ends
 *   whole     the object is there
 *   failed    every manager in session has said that it does not have it; or, while managers were there, nothing at all
 *             came for a while; or what came could not be stored
 *   dropped   nobody waits for it any more
 */
export interface WantedFiles {
  /**
   * Resolves when the object is there: with its content where a `tree` was asked for and it is not in the store, with
   * undefined when it is. Rejects with FileStoreError, and with the signal's reason.
   */
  want(hash: string, kind: WantKind, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** How the object is wanted; undefined when it is not. */
  kindOf(hash: string): WantKind | undefined;
  /** A manager is in session: it is told what is wanted, now and from here on. */
  join(tell: (hashes: string[]) => void): ManagerInSession;
  arrived(hash: string, content?: Uint8Array): void;
  failed(hash: string, error: Error): void;
  /** Something came, of whichever object. */
  progressed(): void;
}

export type WantKind = 'blob' | 'tree';

export interface ManagerInSession {
  /** What it says that it does not have. */
  absent(hashes: string[]): void;
  leave(): void;
}

/** Milliseconds without anything from the managers that are there. As an executor waits for a manager. */
const STALLED_MS = 5 * 60_000;
/** Objects asked for at once; the rest waits here. Enough that a manager has the next ones while it sends. */
const AT_ONCE = 64;

interface Want {
  kind: WantKind;
  waiting: number;
  sinceMs: number;
  done: PromiseWithResolvers<Uint8Array | undefined>;
  absentAt: Set<symbol>;
}

export function createWantedFiles({ stalledMs = STALLED_MS }: { stalledMs?: number } = {}): WantedFiles {
  const wants = new Map<string, Want>();
  const managers = new Map<symbol, (hashes: string[]) => void>();
  /** Whose wants are not told yet. */
  const line = new Set<() => void>();
  let lastNewsMs = performance.now();
  let timer: NodeJS.Timeout | undefined;

  function begin(hash: string, kind: WantKind): Want {
    const done = Promise.withResolvers<Uint8Array | undefined>();
    done.promise.catch(() => {});
    const want: Want = { kind, waiting: 0, sinceMs: performance.now(), done, absentAt: new Set() };
    wants.set(hash, want);
    for (const tell of managers.values()) tell([hash]);
    watch();
    return want;
  }

  function end(hash: string, settle: (want: Want) => void): void {
    const want = wants.get(hash);
    if (want === undefined) return;
    wants.delete(hash);
    settle(want);
    next();
  }

  function next(): void {
    const [first] = line;
    if (first === undefined || wants.size >= AT_ONCE) return;
    line.delete(first);
    first();
  }

  async function stand(signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>();
    line.add(turn.resolve);
    try {
      await unlessAborted(turn.promise, signal);
    } catch (error) {
      // Called and gone at the same moment: the turn is the next one's.
      if (!line.delete(turn.resolve)) next();
      throw error;
    }
  }

  const fail = (hash: string, error: Error) => end(hash, ({ done }) => done.reject(error));

  function watch(): void {
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (managers.size === 0) lastNewsMs = performance.now();
      for (const [hash, { sinceMs }] of wants) {
        if (performance.now() - Math.max(sinceMs, lastNewsMs) >= stalledMs)
          fail(hash, stalled(hash, stalledMs));
      }
      if (wants.size > 0) watch();
    }, stalledMs / 4).unref();
  }

  return {
    async want(hash, kind, signal) {
      let want = wants.get(hash);
      while (want === undefined && wants.size >= AT_ONCE) {
        await stand(signal);
        want = wants.get(hash);
      }
      if (want === undefined) {
        want = begin(hash, kind);
        next();
      }
      want.waiting += 1;
      try {
        return await unlessAborted(want.done.promise, signal);
      } finally {
        want.waiting -= 1;
        if (want.waiting === 0 && wants.get(hash) === want) end(hash, () => {});
      }
    },
    kindOf: (hash) => wants.get(hash)?.kind,
    join(tell) {
      const manager = Symbol('manager');
      managers.set(manager, tell);
      lastNewsMs = performance.now();
      if (wants.size > 0) tell([...wants.keys()]);
      return {
        absent(hashes) {
          for (const hash of hashes) {
            const absentAt = wants.get(hash)?.absentAt;
            absentAt?.add(manager);
            if (absentAt !== undefined && [...managers.keys()].every((one) => absentAt.has(one)))
              fail(hash, absentEverywhere(hash));
          }
        },
        leave: () => void managers.delete(manager),
      };
    },
    arrived: (hash, content) => end(hash, ({ done }) => done.resolve(content)),
    failed: fail,
    progressed() {
      lastNewsMs = performance.now();
    },
  };
}

function absentEverywhere(hash: string): FileStoreError {
  return new FileStoreError(
    'absent',
    `No manager has the file ${hash}: it was pruned, or its store was damaged.`,
  );
}

function stalled(hash: string, ms: number): FileStoreError {
  return new FileStoreError('absent', `The file ${hash} did not come: nothing arrived for ${ms / 1000} s.`);
}
