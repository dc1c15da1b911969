import type { HeldAttempt } from './held-attempt.ts';

/** A session, as the workload sees it. */
export interface Owner {
  /** Grows with every session. */
  readonly serial: number;
  /** The attempt has a report, log or progress to send. */
  wake(attempt: HeldAttempt): void;
  refuse(run: { runId: string; epoch: number }, ref: Ref, reason: RefusalReason, held: number): void;
}

/** Names an attempt within its run. */
export interface Ref {
  processor: string;
  attempt: number;
}

/** In a refusal: it is about the run. */
export const WHOLE_RUN: Ref = { processor: '', attempt: 0 };

export type RefusalReason = 'stale-epoch' | 'draining' | 'duplicate';
