import assert from 'node:assert/strict';
import type { PipelineSpec } from '../../manager/spec/spec.ts';
import { type Event, ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Fate } from './reference.ts';

/**
 * What every journal must keep to, checked event by event as they become durable. It follows a run by itself,
 * with none of the engine's code.
 */
export interface JournalRules {
  readonly state: RunState;
  readonly reason: string;
  readonly cancelRequested: boolean;
  /** Times it was resumed. */
  readonly resumed: number;
  /** From which the last resume started. */
  readonly resumedFrom: string[];
  readonly processors: ReadonlyMap<string, Standing>;
  take(event: Event): void;
}

export interface Standing {
  readonly name: string;
  readonly needs: string[];
  state: ProcessorState;
  fate: Fate | 'cancelled' | undefined;
  attempt: number;
  executorId: string;
  epoch: number;
  retryAt: number;
  /** Ended by the processor itself in this life of the run. */
  tries: number;
  failures: number;
  losses: number;
}

export const FORGED = 'forged';

export function createRules(spec: PipelineSpec, runId: string): JournalRules {
  const processors = new Map<string, Standing>();
  for (const { name, needs } of spec.processors) processors.set(name, newStanding(name, needs));
  let seq = 1;
  let epoch = 1;
  let running = 0;
  const rules = {
    state: RunState.RUNNING as RunState,
    reason: '',
    cancelRequested: false,
    resumed: 0,
    resumedFrom: [] as string[],
    processors,
    take,
  };
  const letsGo = (name: string) => ['succeeded', 'warned'].includes(processors.get(name)!.fate ?? '');

  function take(event: Event): void {
    const where = `${runId} event ${event.seq} ${event.event.case}`;
    assert.equal(event.seq, ++seq, `${where}: numbers go on without gaps`);
    const { case: kind, value } = event.event;
    if (kind !== 'runAdopted' && kind !== 'runResumed')
      assert.equal(rules.state, RunState.RUNNING, `${where}: nothing happens to a run that ended`);
    switch (kind) {
      case 'attemptStarted': {
        const standing = processors.get(value.processor)!;
        assert.equal(standing.state, ProcessorState.IDLE, `${where}: starts from Idle`);
        assert.equal(standing.fate, undefined, `${where}: what is settled does not start`);
        assert.ok(standing.needs.every(letsGo), `${where}: ${value.processor} starts after what it needs`);
        assert.ok(event.unixMs >= standing.retryAt, `${where}: ${value.processor} waits for its next try`);
        assert.equal(value.attempt, standing.attempt + 1, `${where}: attempts count on`);
        assert.equal(value.epoch, epoch, `${where}: under the epoch of the owner`);
        assert.ok(!rules.cancelRequested, `${where}: nothing starts after a cancel`);
        running += 1;
        assert.ok(running <= (spec.concurrency ?? Number.POSITIVE_INFINITY), `${where}: run concurrency`);
        Object.assign(standing, { ...value, state: ProcessorState.RUNNING, retryAt: 0 });
        return;
      }
      case 'attemptEnded': {
        const report = value.report!;
        const standing = processors.get(report.processor)!;
        assert.equal(standing.state, ProcessorState.RUNNING, `${where}: ends from Running`);
        assert.equal(report.attempt, standing.attempt, `${where}: the running attempt ends`);
        assert.notEqual(report.reason, FORGED, `${where}: a report that was to be refused was believed`);
        running -= 1;
        standing.state = value.state;
        if (value.state === ProcessorState.SUCCEEDED) standing.fate = 'succeeded';
        else if (value.state === ProcessorState.FAILED)
          standing.fate = value.reason === 'cancelled' ? 'cancelled' : value.warning ? 'warned' : 'failed';
        else {
          assert.ok(value.retryUnixMs >= event.unixMs, `${where}: the next try is not before now`);
          assert.ok(!rules.cancelRequested, `${where}: nothing is tried again after a cancel`);
          standing.retryAt = value.retryUnixMs;
        }
        const { failureClass } = report;
        if (failureClass === FailureClass.INFRA || failureClass === FailureClass.POISON) standing.losses += 1;
        else standing.tries += 1;
        if (failureClass === FailureClass.APP) standing.failures += 1;
        return;
      }
      case 'processorEnded': {
        const standing = processors.get(value.processor)!;
        assert.equal(standing.state, ProcessorState.IDLE, `${where}: ends without an attempt from Idle`);
        assert.equal(standing.fate, undefined, `${where}: ends once`);
        assert.equal(value.state, ProcessorState.IDLE, where);
        standing.fate = value.reason as Fate | 'cancelled';
        return;
      }
      case 'progressMade': {
        const standing = processors.get(value.processor)!;
        assert.equal(standing.state, ProcessorState.RUNNING, `${where}: progress of what runs`);
        assert.equal(value.attempt, standing.attempt, where);
        return;
      }
      case 'runCancelRequested':
        rules.cancelRequested = true;
        return;
      case 'runAdopted':
        assert.ok(value.epoch >= epoch, `${where}: epochs never fall`);
        epoch = value.epoch;
        return;
      case 'runResumed':
        assert.notEqual(rules.state, RunState.RUNNING, `${where}: what goes on is not resumed`);
        Object.assign(rules, { state: RunState.RUNNING, reason: '', cancelRequested: false });
        rules.resumed += 1;
        rules.resumedFrom = value.processors;
        resume(value.processors);
        return;
      case 'runEnded':
        assert.equal(running, 0, `${where}: nothing runs when it ends`);
        for (const { name, fate } of processors.values())
          assert.notEqual(fate, undefined, `${where}: ${name} is settled when the run ends`);
        rules.state = value.state;
        rules.reason = value.reason;
        return;
      default:
        assert.fail(where);
    }
  }

  function resume(from: string[]): void {
    const again = new Set(from);
    for (let size = -1; size !== again.size; ) {
      size = again.size;
      for (const { name, needs } of processors.values())
        if (!letsGo(name) || needs.some((need) => again.has(need))) again.add(name);
    }
    for (const name of again) {
      const { needs, attempt } = processors.get(name)!;
      processors.set(name, { ...newStanding(name, needs), attempt });
    }
    for (const standing of processors.values()) standing.tries = 0;
  }

  return rules;
}

function newStanding(name: string, needs: string[]): Standing {
  return {
    name,
    needs,
    state: ProcessorState.IDLE,
    fate: undefined,
    attempt: 0,
    executorId: '',
    epoch: 0,
    retryAt: 0,
    tries: 0,
    failures: 0,
    losses: 0,
  };
}
