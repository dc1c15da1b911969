import assert from 'node:assert/strict';
import type { PipelineSpec } from '../../manager/spec/spec.ts';
import {
  type Event,
  type ProcessorEnded,
  ProcessorState,
  RunState,
} from '../../proto/gen/wiz/v1/events_pb.js';
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
  /** From which the last resume started, and those of them that somebody named. */
  readonly resumedFrom: string[];
  readonly resumedNamed: string[];
  readonly processors: ReadonlyMap<string, Standing>;
  take(event: Event): void;
}

export interface Standing {
  readonly name: string;
  /** Of an instance its processor; empty otherwise. */
  readonly owner: string;
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
    resumedNamed: [] as string[],
    processors,
    take,
  };
  const specs = new Map(spec.processors.map((processor) => [processor.name, processor]));
  const fateOf = (name: string) => processors.get(name)!.fate ?? 'open';
  const isGood = (name: string) => ['succeeded', 'warned'].includes(fateOf(name));
  const instancesOf = (name: string) => [...processors.values()].filter((it) => it.owner === name);

  /** Whether the rule of a processor lets it start. */
  function mayStart(name: string): boolean {
    const { needs, rule } = specs.get(name)!;
    const bad = needs.some((need) => ['failed', 'upstream-failed', 'cancelled'].includes(fateOf(need)));
    if (needs.some((need) => fateOf(need) === 'open')) return false;
    if (rule === 'all-done' || needs.length === 0) return true;
    if (rule === 'any-succeeded') return needs.some(isGood);
    return rule === 'none-failed' ? !bad : needs.every(isGood);
  }

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
        if (standing.owner === '') assert.ok(mayStart(standing.name), `${where}: before what it needs`);
        else instanceStarts(standing, where);
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
        assert.equal(standing.fate, undefined, `${where}: ends once`);
        if (standing.state === ProcessorState.RUNNING) return instancesEnd(standing, value, where);
        assert.equal(standing.state, ProcessorState.IDLE, `${where}: ends without an attempt from Idle`);
        assert.equal(value.state, ProcessorState.IDLE, where);
        standing.fate = value.reason as Fate | 'cancelled';
        return;
      }
      case 'processorExpanded': {
        const standing = processors.get(value.processor)!;
        assert.equal(standing.state, ProcessorState.IDLE, `${where}: expands from Idle`);
        assert.ok(mayStart(standing.name), `${where}: before what it needs`);
        assert.ok(!rules.cancelRequested, `${where}: nothing starts after a cancel`);
        standing.state = ProcessorState.RUNNING;
        if (instancesOf(standing.name).length !== value.count) {
          dropInstances(standing);
          for (let i = 0; i < value.count; i++) {
            const name = `${standing.name}[${i}]`;
            const attempt = standing.attempt;
            processors.set(name, { ...newStanding(name, [], standing.name), attempt });
          }
        }
        return;
      }
      case 'processorReused': {
        const standing = processors.get(value.processor)!;
        assert.equal(standing.state, ProcessorState.IDLE, `${where}: reused from Idle`);
        assert.equal(standing.fate, undefined, `${where}: ends once`);
        if (standing.owner === '') assert.ok(mayStart(standing.name), `${where}: before what it needs`);
        Object.assign(standing, { state: ProcessorState.SUCCEEDED, fate: 'succeeded' });
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
        rules.resumedNamed = value.from;
        resume(value.processors, value.from);
        return;
      case 'runEnded':
        assert.equal(running, 0, `${where}: nothing runs when it ends`);
        for (const { name, fate, owner } of processors.values())
          assert.ok(owner !== '' || fate !== undefined, `${where}: ${name} is settled when the run ends`);
        rules.state = value.state;
        rules.reason = value.reason;
        return;
      default:
        assert.fail(where);
    }
  }

  /** Whoever comes in their place counts on from them. */
  function dropInstances(standing: Standing): void {
    for (const { name, attempt } of instancesOf(standing.name)) {
      standing.attempt = Math.max(standing.attempt, attempt);
      processors.delete(name);
    }
  }

  function instanceStarts({ owner }: Standing, where: string): void {
    const { width, failFast } = specs.get(owner)!;
    const others = instancesOf(owner);
    assert.equal(processors.get(owner)!.state, ProcessorState.RUNNING, `${where}: before its list is known`);
    const busy = others.filter(({ state }) => state === ProcessorState.RUNNING).length;
    assert.ok(busy < (width ?? Number.POSITIVE_INFINITY), `${where}: more than the width`);
    const failed = others.some(({ fate }) => fate === 'failed');
    assert.ok(!(failFast && failed), `${where}: an instance starts after one has failed fast`);
  }

  function instancesEnd(standing: Standing, ended: ProcessorEnded, where: string): void {
    const instances = instancesOf(standing.name);
    assert.ok(
      instances.every(({ state }) => state !== ProcessorState.RUNNING),
      `${where}: ends while an instance runs`,
    );
    const open = instances.filter(({ fate }) => fate === undefined);
    const failedFast = specs.get(standing.name)!.failFast && instances.some(({ fate }) => fate === 'failed');
    assert.ok(
      open.length === 0 || rules.cancelRequested || failedFast,
      `${where}: ends before its instances`,
    );
    for (const instance of open) instance.fate = 'cancelled';
    standing.state = ended.state;
    if (ended.state === ProcessorState.SUCCEEDED) standing.fate = 'succeeded';
    else standing.fate = ended.reason === 'cancelled' ? 'cancelled' : ended.warning ? 'warned' : 'failed';
  }

  function resume(from: string[], named: string[]): void {
    const downstream = (names: string[]) => {
      const found = new Set(names);
      for (let size = -1; size !== found.size; ) {
        size = found.size;
        for (const { name, needs } of processors.values())
          if (needs.some((need) => found.has(need))) found.add(name);
      }
      return found;
    };
    const again = downstream(from);
    const whole = downstream(named);
    for (const { name } of spec.processors) {
      const over = isGood(name) || fateOf(name) === 'skipped';
      if (!again.has(name) && over) continue;
      const standing = processors.get(name)!;
      const { needs } = standing;
      const keeps = !whole.has(name) && !needs.some((need) => again.has(need));
      if (!keeps) dropInstances(standing);
      for (const instance of instancesOf(name)) {
        if (instance.fate !== 'succeeded')
          processors.set(instance.name, {
            ...newStanding(instance.name, [], name),
            attempt: instance.attempt,
          });
      }
      processors.set(name, { ...newStanding(name, needs), attempt: standing.attempt });
    }
    for (const standing of processors.values()) standing.tries = 0;
  }

  return rules;
}

function newStanding(name: string, needs: string[], owner = ''): Standing {
  return {
    name,
    owner,
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
