import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { AttemptSink } from '../program/attempt.ts';
import type { HeldAttempt } from './held-attempt.ts';
import type { SpoolFactory } from './log-spool.ts';

/** Where an attempt's log and progress go: to the session that owns the run at that moment. */
export class OwnerSink implements AttemptSink {
  private readonly attempt: HeldAttempt;
  private readonly spools: SpoolFactory;

  constructor(attempt: HeldAttempt, spools: SpoolFactory) {
    this.attempt = attempt;
    this.spools = spools;
  }

  log(chunk: LogChunk): Promise<void> | undefined {
    const { attempt } = this;
    if (attempt.superseded) return undefined;
    attempt.spool ??= this.spools.create(() => attempt.run.owner !== undefined);
    const room = attempt.spool.push(chunk);
    attempt.run.owner?.wake(attempt);
    return room;
  }

  progress(fraction: number, message: string): void {
    this.attempt.progress = { fraction, message };
    this.attempt.run.owner?.wake(this.attempt);
  }
}
