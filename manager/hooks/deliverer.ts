import { WizError } from '../../proto/error.ts';
import { ExpressionFailure } from '../expressions/expressions.ts';
import type { ClaimedDelivery, TryEnd } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import { tryDelivery } from './attempt.ts';
import { nextTryMs } from './backoff.ts';
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
  let pumping = false;
  let again = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const idle: (() => void)[] = [];

  function wake(): void {
    if (closed) return;
    if (pumping) {
      again = true;
      return;
    }
    void pump();
  }

  async function pump(): Promise<void> {
    pumping = true;
    clearTimeout(timer);
    let waitMs: number | undefined;
    try {
      do {
        again = false;
        while (tries.size < AT_ONCE && !closed) {
          const claimed = await store.claimDeliveries(managerId, now(), AT_ONCE - tries.size);
          for (const delivery of claimed) start(delivery);
          if (claimed.length === 0) break;
        }
      } while (again && !closed);
      const next = await store.nextDeliveryMs(now());
      if (next !== undefined) waitMs = Math.max(0, next - now());
    } catch (error) {
      options.note(`hooks: ${(error as Error).message}`);
      waitMs = STORE_RETRY_MS;
    }
    pumping = false;
    if (closed) return;
    if (again) return wake();
    // With all places taken the end of a try looks again.
    if (waitMs !== undefined && tries.size < AT_ONCE) {
      timer = setTimeout(wake, Math.min(waitMs, LONGEST_TIMER_MS)).unref();
    }
    if (tries.size === 0 && (waitMs === undefined || waitMs > 0)) {
      for (const resolve of idle.splice(0)) resolve();
    }
  }

  function start(delivery: ClaimedDelivery): void {
    const done = attempt(delivery)
      .catch((error) => options.note(`hooks: ${delivery.deliveryId}: ${(error as Error).message}`))
      .finally(() => {
        tries.delete(done);
        wake();
      });
    tries.add(done);
  }

  async function attempt(delivery: ClaimedDelivery): Promise<void> {
    const startedMs = now();
    const result = await tried(delivery);
    const end = endOf(delivery, result, startedMs);
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
  async function tried(delivery: ClaimedDelivery): Promise<TryResult | string> {
    try {
      return await tryDelivery(delivery, ground, over.signal);
    } catch (error) {
      if (error instanceof NotAllowed || error instanceof ExpressionFailure) return error.message;
      return { status: 0, error: (error as Error).message, output: '', retryAfterMs: 0, gone: false };
    }
  }

  function endOf(delivery: ClaimedDelivery, result: TryResult | string, startedMs: number): TryEnd {
    const nowMs = now();
    const { deliveryId, tries: attempt, triesBefore, target } = delivery;
    const base = { deliveryId, holder: managerId, attempt, nowMs, nextMs: 0 };
    const durationMs = Math.max(0, nowMs - startedMs);
    if (typeof result === 'string') {
      return { ...base, state: 'failed', durationMs, status: 0, error: result, output: '' };
    }
    const { status, error, output, gone, retryAfterMs } = result;
    const said = { ...base, durationMs, status, error, output };
    if (error === '') return { ...said, state: 'acknowledged' };
    if (gone) return { ...said, state: 'disabled' };
    const { kind } = (JSON.parse(target) as HookTarget).action;
    // One that was ended here is tried by the next manager at once.
    const wait = over.signal.aborted
      ? 0
      : nextTryMs(kind, attempt - triesBefore, retryAfterMs, options.chance);
    if (wait === undefined) return { ...said, state: 'failed' };
    return { ...said, state: 'pending', nextMs: nowMs + wait };
  }

  return {
    wake,
    get active() {
      return tries.size;
    },
    settled: (patienceMs) =>
      new Promise((resolve) => {
        const patience = setTimeout(resolve, patienceMs);
        idle.push(() => {
          clearTimeout(patience);
          resolve();
        });
        wake();
      }),
    async close(patienceMs) {
      closed = true;
      clearTimeout(timer);
      for (const resolve of idle.splice(0)) resolve();
      const patience = setTimeout(() => over.abort(), patienceMs);
      await Promise.all(tries);
      clearTimeout(patience);
      await commands.close();
    },
  };
}
