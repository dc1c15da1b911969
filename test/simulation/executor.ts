import assert from 'node:assert/strict';
import type { Outgoing } from '../../manager/engine/loop.ts';
import type { Assignment, Report, RunAssignments, RunAttempts } from '../../proto/gen/wiz/v1/executors_pb.js';
import { FailureClass, Outcome } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Clock } from './clock.ts';
import type { Link } from './link.ts';

/**
 * The executor's side of the protocol: an epoch for each run, attempts that wait for a slot, run, and whose
 * reports are kept until they are acknowledged. What it sends goes to the session that owns the run.
 */
export interface SimExecutor {
  readonly id: string;
  readonly slots: number;
  readonly alive: boolean;
  /** Attempts by `run/processor/attempt`. */
  readonly held: ReadonlyMap<string, Held>;
  /** Answers a hello; undefined for a lease means that it is too old. */
  hello(link: Link, leases: { runId: string; epoch: number }[]): string[];
  receive(link: Link, outgoing: Outgoing): void;
  disowned(link: Link): void;
  die(): void;
}

export interface Held {
  readonly runId: string;
  readonly epoch: number;
  readonly processor: string;
  readonly attempt: number;
  readonly lane: 'program' | 'call';
  phase: 'waiting' | 'running' | 'ended';
  report: Report | undefined;
}

/** What an attempt does when it is executed. */
export interface Deed {
  ms: number;
  outcome: 'succeeds' | 'fails' | 'kills';
  progress: boolean;
}

export interface ExecutorGround {
  clock: Clock;
  /** An attempt starts to execute. */
  execute(held: Held): Deed;
  /** A message of a manager asks to forget this attempt. */
  acknowledged(held: Held): void;
  killed(executor: SimExecutor): void;
}

export const keyOf = (runId: string, { processor, attempt }: { processor: string; attempt: number }) =>
  `${runId}/${processor}/${attempt}`;

export function createExecutor(id: string, slots: number, ground: ExecutorGround): SimExecutor {
  const { clock } = ground;
  const held = new Map<string, Held>();
  const owners = new Map<string, { epoch: number; link: Link | undefined }>();
  let alive = true;

  /** False when the epoch is older than the one held. An older session does not get the run back. */
  function claim(runId: string, epoch: number, link: Link): boolean {
    const owner = owners.get(runId);
    if (owner !== undefined && epoch < owner.epoch) return false;
    if (owner?.link === undefined || epoch > owner.epoch || link.serial > owner.link.serial) {
      const former = owner?.link;
      // Who had it until now learns that it is over.
      if (former !== undefined && epoch > owner!.epoch)
        former.toManager(() => former.manager.stale(runId, epoch));
      owners.set(runId, { epoch, link });
      if (owner?.link !== link)
        for (const attempt of held.values()) if (attempt.runId === runId) tell(attempt);
    }
    // What an older session had under way when a newer one said hello comes too late.
    return owners.get(runId)!.link === link;
  }

  function tell(attempt: Held): void {
    const report = attempt.report;
    const link = owners.get(attempt.runId)?.link;
    if (report === undefined || link === undefined) return;
    const group = { $typeName: 'wiz.v1.RunReports' as const, runId: attempt.runId, epoch: attempt.epoch };
    link.toManager(() => link.manager.reports(id, [{ ...group, reports: [report] }]));
  }

  function assign(link: Link, group: RunAssignments): void {
    const current = claim(group.runId, group.epoch, link);
    for (const assignment of group.assignments) {
      const key = keyOf(group.runId, assignment);
      if (!current) {
        refuse(link, group.runId, group.epoch);
        continue;
      }
      const there = held.get(key);
      if (there !== undefined) {
        tell(there);
        continue;
      }
      held.set(key, take(group, assignment));
    }
    fill();
  }

  function refuse(link: Link, runId: string, epoch: number): void {
    const held = owners.get(runId)!.epoch;
    if (held > epoch) link.toManager(() => link.manager.stale(runId, held));
  }

  function take(group: RunAssignments, assignment: Assignment): Held {
    const lane = assignment.action.case === 'call' ? 'call' : 'program';
    const { processor, attempt } = assignment;
    const { runId, epoch } = group;
    return { runId, epoch, processor, attempt, lane, phase: 'waiting', report: undefined };
  }

  function fill(): void {
    let programs = 0;
    for (const { phase, lane } of held.values()) if (phase === 'running' && lane === 'program') programs += 1;
    for (const attempt of held.values()) {
      if (attempt.phase !== 'waiting' || (attempt.lane === 'program' && programs >= slots)) continue;
      if (attempt.lane === 'program') programs += 1;
      attempt.phase = 'running';
      const deed = ground.execute(attempt);
      if (deed.progress) clock.after(deed.ms / 2, () => tellProgress(attempt));
      clock.after(deed.ms, () => {
        if (!alive || attempt.phase !== 'running') return;
        if (deed.outcome === 'kills') ground.killed(executor);
        else end(attempt, deed.outcome === 'succeeds' ? '' : 'exit-code');
      });
    }
  }

  function tellProgress(attempt: Held): void {
    const link = owners.get(attempt.runId)?.link;
    if (!alive || attempt.phase !== 'running' || link === undefined) return;
    const { runId, epoch, processor, attempt: number } = attempt;
    const half = { fraction: 0.5, message: 'half' };
    link.toManager(() =>
      link.manager.progress(id, [
        { $typeName: 'wiz.v1.ProgressReport', runId, epoch, processor, attempt: number, ...half },
      ]),
    );
  }

  function end(attempt: Held, reason: string): void {
    attempt.phase = 'ended';
    attempt.report = reportOf(attempt, reason, clock.now());
    tell(attempt);
    fill();
  }

  function cancel({ runId, epoch, attempts }: RunAttempts): void {
    if (epoch < (owners.get(runId)?.epoch ?? 0)) return;
    for (const ref of attempts) {
      const attempt = held.get(keyOf(runId, ref));
      if (attempt !== undefined && attempt.phase !== 'ended') end(attempt, 'cancelled');
    }
  }

  function acknowledge({ runId, epoch, attempts }: RunAttempts): void {
    if (epoch < (owners.get(runId)?.epoch ?? 0)) return;
    for (const ref of attempts) {
      const attempt = held.get(keyOf(runId, ref));
      if (attempt === undefined) continue;
      ground.acknowledged(attempt);
      if (attempt.phase === 'ended') held.delete(keyOf(runId, ref));
    }
  }

  const executor: SimExecutor = {
    id,
    slots,
    get alive() {
      return alive;
    },
    held,
    hello(link, leases) {
      const known: string[] = [];
      for (const { runId, epoch } of leases) {
        if (!claim(runId, epoch, link)) {
          refuse(link, runId, epoch);
          continue;
        }
        for (const [key, attempt] of held) if (attempt.runId === runId) known.push(key);
      }
      return known;
    },
    receive(link, { acks, assignments, cancels }) {
      for (const ack of acks) acknowledge(ack);
      for (const group of assignments) assign(link, group);
      for (const group of cancels) cancel(group);
    },
    disowned(link) {
      for (const owner of owners.values()) if (owner.link === link) owner.link = undefined;
    },
    die() {
      assert.ok(alive);
      alive = false;
      held.clear();
    },
  };
  return executor;
}

export function reportOf(
  { processor, attempt }: { processor: string; attempt: number },
  reason: string,
  nowMs: number,
): Report {
  const succeeded = reason === '';
  return {
    $typeName: 'wiz.v1.Report',
    processor,
    attempt,
    outcome: succeeded ? Outcome.SUCCEEDED : Outcome.FAILED,
    reason,
    failureClass: succeeded ? FailureClass.UNSPECIFIED : FailureClass.APP,
    message: succeeded ? '' : 'It failed.',
    exitCode: succeeded ? 0 : 1,
    signal: '',
    usage: undefined,
    output: undefined,
    // Some add to the context, so that what is inherited is compared too.
    context:
      succeeded && attempt % 2 === 1 && processor.endsWith('3') ? { [`FROM_${processor}`]: reason } : {},
    startedUnixMs: nowMs,
    endedUnixMs: nowMs,
    logLines: 0,
    files: [],
  };
}
