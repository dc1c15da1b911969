import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { type RunAttempts, RunAttemptsSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import { silentLog } from '../../proto/log.ts';
import type { RunMachine } from '../engine/run.ts';
import { createSettleUnclaimed, type UnclaimedGround } from './unclaimed.ts';

const group = (runId: string): RunAttempts =>
  create(RunAttemptsSchema, { runId, epoch: 1, attempts: [{ processor: 'p', attempt: 1 }] });

/** What is sent about these runs: `here` is of this manager, the others are as the store has them. */
async function settled(states: Record<string, RunState | undefined>, unclaimed: string[]) {
  const sent: Parameters<UnclaimedGround['send']>[1][] = [];
  const held: string[] = [];
  const settle = createSettleUnclaimed({
    loop: {
      runs: new Map([['here', {} as RunMachine]]),
      executorHolds: (_, groups) => held.push(...groups.map(({ runId }) => runId)),
    },
    async getRun(runId) {
      const state = states[runId];
      return state === undefined ? undefined : { state, epoch: 7 };
    },
    keepsStaging: async (runId) => runId === 'failed',
    send: (_, batch) => sent.push(batch),
    log: silentLog,
  });
  settle('e', unclaimed.map(group));
  settle('e', unclaimed.map(group));
  await new Promise((resolve) => setImmediate(resolve));
  return { sent, held };
}

test('of a run that has ended everything goes, under its last epoch, and its staging folder as it says', async () => {
  const states = { done: RunState.SUCCEEDED, failed: RunState.FAILED };
  const { sent } = await settled(states, ['done', 'failed']);
  assert.deepEqual(
    sent.map(({ superseded, endedRuns }) => [
      superseded![0]!.runId,
      superseded![0]!.epoch,
      superseded![0]!.attempts!.length,
      endedRuns![0]!.keepStaging,
    ]),
    [
      ['done', 7, 1, false],
      ['failed', 7, 1, true],
    ],
  );
});

test('of a run that goes on elsewhere, or that the store does not know, nothing is said', async () => {
  const { sent } = await settled({ elsewhere: RunState.RUNNING }, ['elsewhere', 'of another store']);
  assert.deepEqual(sent, []);
});

test('a run that is here decides by itself', async () => {
  const { sent, held } = await settled({ here: RunState.SUCCEEDED }, ['here']);
  assert.deepEqual([sent, held], [[], ['here', 'here']]);
});
