import { WizError } from '../../proto/error.ts';
import { coalesced } from '../coalesced.ts';
import { ExpressionFailure } from '../expressions/expressions.ts';
import type { HookAction } from '../spec/hook-spec.ts';
import type { ClaimedDelivery, TryEnd } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import { tryDelivery } from './attempt.ts';
import { nextTryMs } from './backoff.ts';
import type { HookBody } from './body.ts';
import { createCommands } from './commands.ts';
import { type HookPolicy, NotAllowed } from './policy.ts';
import type { HookTarget } from './target.ts';
import type { TryResult } from './try.ts';

/**
 * Delivers what is due: claims, tries, and stores what came of it. A try that is not ended for want of a store, or because
 * the manager dies, is tried again when its claim runs out, under the same id.
 */
export interface Deliverer {
  /** Something is due, or may be. */
  wake(): void;
  /** How many are being tried. */
  readonly active: number;
  /** Resolves when nothing is due and nothing is being tried, or after `patienceMs`. */
  settled(patienceMs: number): Promise<void>;
  /** Claims no more, and ends what is being tried after `patienceMs`. */
  close(patienceMs: number): Promise<void>;
}

export interface DelivererOptions {
  managerId: string;
  store: Pick<Store, 'claimDeliveries' | 'endTry' | 'nextDeliveryMs'>;
  policy: HookPolicy;
  environment: NodeJS.ProcessEnv;
  now(): number;
  chance(): number;
  note(message: string): void;
  /** After each try that was ended here, for whoever counts them. */
  ended?(end: TryEnd): void;
}

/** Tries at once: sockets and processes, and what one slow receiver may hold up. */
const AT_ONCE = 16;
/** Milliseconds until the store is asked again after it failed. */
const STORE_RETRY_MS = 1_000;
/** The longest timer; with each heartbeat the manager looks anyway. */
const LONGEST_TIMER_MS = 60_000;

export function createDeliverer(options: DelivererOptions): Deliverer {
  const { managerId, store, now } = options;
  const commands = createCommands();
  const ground = { ...options, commands };
  const tries = new Set<Promise<void>>();
  const over = new AbortController();
  const wake = coalesced(pump, failed);
  let closed = false;
  /** There was more to claim, or may be. */
  let due = false;
  let timer: NodeJS.Timeout | undefined;

  async function pump(): Promise<void> {
    if (closed) return;
    clearTimeout(timer);
    while (tries.size < AT_ONCE && !closed) {
      const room = AT_ONCE - tries.size;
      const claimed = await store.claimDeliveries(managerId, now(), room);
      for (const delivery of claimed) start(delivery);
      if (claimed.length < room) break;
    }
    const next = await store.nextDeliveryMs(now());
    const waitMs = next === undefined ? undefined : Math.max(0, next - now());
    due = waitMs === 0;
    // With all places taken the end of a try looks again.
    if (waitMs !== undefined && tries.size < AT_ONCE) wakeIn(waitMs);
  }

  function failed(error: Error): void {
    options.note(`hooks: ${error.message}`);
    due = false;
    wakeIn(STORE_RETRY_MS);
  }

  function wakeIn(ms: number): void {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(wake, Math.min(ms, LONGEST_TIMER_MS)).unref();
  }

  function start(delivery: ClaimedDelivery): void {
    const done = attempt(delivery)
      .catch((error) => options.note(`hooks: ${delivery.deliveryId}: ${(error as Error).message}`))
      .finally(() => {
        tries.delete(done);
        void wake();
      });
    tries.add(done);
  }

  async function attempt(delivery: ClaimedDelivery): Promise<void> {
    const startedMs = now();
    const end = endOf(delivery, await tried(delivery), startedMs);
    while (true) {
      try {
        if (await store.endTry(end)) options.ended?.(end);
        return;
      } catch (error) {
        // The answer of the receiver is worth keeping; when it takes too long the claim has run out.
        if (!(error instanceof WizError) || closed || now() - startedMs > delivery.timeoutMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, STORE_RETRY_MS));
      }
    }
  }

  /** A result, or a sentence why there never will be one. */
  async function tried(delivery: ClaimedDelivery): Promise<Tried | string> {
    let kind: Tried['kind'] = 'webhook';
    try {
      const target = JSON.parse(delivery.target) as HookTarget;
      const body = JSON.parse(delivery.body) as HookBody;
      kind = target.action.kind;
      return { kind, ...(await tryDelivery({ delivery, target, body }, ground, over.signal)) };
    } catch (error) {
      if (error instanceof NotAllowed || error instanceof ExpressionFailure) return error.message;
      return { kind, status: 0, error: (error as Error).message, output: '', retryAfterMs: 0, gone: false };
    }
  }

  function endOf(delivery: ClaimedDelivery, result: Tried | string, startedMs: number): TryEnd {
    const nowMs = now();
    const { deliveryId, tries: attempt, triesBefore } = delivery;
    const base = { deliveryId, holder: managerId, attempt, nowMs, nextMs: 0 };
    const durationMs = Math.max(0, nowMs - startedMs);
    if (typeof result === 'string') {
      return { ...base, state: 'failed', durationMs, status: 0, error: result, output: '' };
    }
    const { kind, status, error, output, gone, retryAfterMs } = result;
    const said = { ...base, durationMs, status, error, output };
    if (error === '') return { ...said, state: 'acknowledged' };
    if (gone) return { ...said, state: 'disabled' };
    // One that was ended here is tried by the next manager at once.
    const wait = over.signal.aborted
      ? 0
      : nextTryMs(kind, attempt - triesBefore, retryAfterMs, options.chance);
    if (wait === undefined) return { ...said, state: 'failed' };
    return { ...said, state: 'pending', nextMs: nowMs + wait };
  }

  async function allDone(): Promise<void> {
    do {
      await Promise.all(tries);
      await wake();
    } while (!closed && (due || tries.size > 0));
  }

  return {
    wake,
    get active() {
      return tries.size;
    },
    async settled(patienceMs) {
      let patience: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        patience = setTimeout(resolve, patienceMs);
      });
      await Promise.race([allDone(), late]);
      clearTimeout(patience);
    },
    async close(patienceMs) {
      closed = true;
      clearTimeout(timer);
      const patience = setTimeout(() => over.abort(), patienceMs);
      // What is being claimed right now is tried, too: nobody else would before the claim runs out.
      await wake();
      await Promise.all(tries);
      clearTimeout(patience);
      await commands.close();
    },
  };
}

interface Tried extends TryResult {
  kind: HookAction['kind'];
}
