import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Event, RunState } from '../proto/gen/wiz/v1/events_pb.js';
import type { RunMachine } from './engine/run.ts';
import type { Store } from './store/store.ts';
import { createWatchers } from './watchers.ts';

it('tells a watcher that stood still every event once, whatever was let go of meanwhile', async () => {
  const journal: Event[] = [];
  const store = {
    readEvents: async (_: string, after: number, limit: number) => journal.slice(after, after + limit),
    getRun: async () => ({ state: RunState.RUNNING, seq: journal.length }),
    changeCounter: async () => 0,
    watchChanges: () => ({ ref() {}, unref() {}, close() {} }),
  } as unknown as Store;
  const watchers = createWatchers(store, () => journal.length);
  const run = { runId: 'run' } as RunMachine;
  const commit = () => {
    const event = { seq: journal.length + 1 } as Event;
    journal.push(event);
    watchers.committed(run, [event]);
  };
  const leave = new AbortController();
  const stream = watchers.watch('run', 0, leave.signal)[Symbol.asyncIterator]();
  commit();
  const seen = (await stream.next()).value!.map(({ seq }: Event) => seq);
  for (let i = 0; i < 2_500; i++) commit();
  while (seen.length < journal.length)
    seen.push(...(await stream.next()).value!.map(({ seq }: Event) => seq));
  assert.deepEqual(
    seen,
    journal.map(({ seq }) => seq),
  );
  leave.abort();
  await stream.return?.();
  watchers.close();
});
