import assert from 'node:assert/strict';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { evolve } from '../../manager/engine/evolve.ts';
import { newRunMachine, type RunMachine } from '../../manager/engine/run.ts';
import type { PipelineSpec } from '../../manager/spec/spec.ts';
import { type Event, EventBatchSchema } from '../../proto/gen/wiz/v1/events_pb.js';
import { createRules, type JournalRules } from './rules.ts';

/** What outlives every manager: the journals, as bytes, and who owns the runs. Fences as Store documents. */
export interface Durable {
  readonly runs: ReadonlyMap<string, DurableRun>;
  create(runId: string, created: Event, spec: PipelineSpec, managerId: string): void;
  /** Returns the fenced runs; everything else is stored and has passed the rules of a journal. */
  commit(managerId: string, runs: { run: RunMachine; events: Event[] }[]): string[];
  /** The run has a new owner; returns its epoch. */
  claim(runId: string, managerId: string): number;
  /** A machine as its journal tells it. */
  rebuild(runId: string): RunMachine;
}

export interface DurableRun {
  readonly runId: string;
  readonly batches: Uint8Array[];
  readonly rules: JournalRules;
  seq: number;
  owner: string;
  epoch: number;
}

export function createDurable(): Durable {
  const runs = new Map<string, DurableRun>();
  const encode = (events: Event[]) => toBinary(EventBatchSchema, { $typeName: 'wiz.v1.EventBatch', events });

  return {
    runs,
    create(runId, created, spec, managerId) {
      const rules = createRules(spec, runId);
      runs.set(runId, { runId, batches: [encode([created])], rules, seq: 1, owner: managerId, epoch: 1 });
    },
    commit(managerId, commits) {
      const fenced: string[] = [];
      for (const { run, events } of commits) {
        const stored = runs.get(run.runId)!;
        if (stored.owner !== managerId || run.managerId !== managerId || stored.epoch !== run.epoch) {
          fenced.push(run.runId);
          continue;
        }
        assert.ok(events.length > 0, `${run.runId}: a commit of nothing`);
        for (const event of events) stored.rules.take(event);
        stored.seq += events.length;
        assert.equal(run.seq, stored.seq, `${run.runId}: the commit holds all there is`);
        stored.batches.push(encode(events));
      }
      return fenced;
    },
    claim(runId, managerId) {
      const stored = runs.get(runId)!;
      stored.owner = managerId;
      stored.epoch += 1;
      return stored.epoch;
    },
    rebuild(runId) {
      const [first, ...rest] = runs
        .get(runId)!
        .batches.flatMap((bytes) => fromBinary(EventBatchSchema, bytes).events);
      const run = newRunMachine(first!, null, 1);
      for (const event of rest) evolve(run, event);
      return run;
    },
  };
}
