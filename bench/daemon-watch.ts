/** Many watchers of one run, in processes of their own that bench/daemon.ts starts. */
import type { Event } from '../proto/gen/wiz/v1/events_pb.js';
import { connectTo } from '../test/daemon.ts';
import { percentile } from './daemon-load.ts';
import { answer, round } from './rounds.ts';

export interface WatchTask {
  url: string;
  token: string;
  /** Its first step waits until all watchers are there. */
  runId: string;
  watchers: number;
  /** HTTP/2 connections that they share. */
  connections: number;
}

if (import.meta.main) await watchTogether(round as WatchTask);

/** Answers with the milliseconds after which watchers had an event that was made while they watched, its commit included.
 *  Throws when one missed an event or saw one twice. */
async function watchTogether({ url, token, runId, watchers, connections }: WatchTask): Promise<void> {
  const apis = Array.from({ length: connections }, () => connectTo(url, { token }));
  const delays: number[] = [];
  const watch = async (i: number): Promise<number> => {
    let seen = 0;
    for await (const { events } of apis[i % connections]!.runs.watchRun({ runId })) {
      const now = Date.now();
      // What was there before this watcher came is not late.
      if (seen > 0) for (const { unixMs } of events) delays.push(now - unixMs);
      seen = checked(events, seen);
    }
    return seen;
  };
  const counts = await Promise.all(Array.from({ length: watchers }, (_, i) => watch(i)));
  for (const api of apis) api.close();
  const events = counts[0]!;
  if (counts.some((count) => count !== events)) throw new Error('Watchers saw different numbers of events.');
  answer({ p50: percentile(delays, 0.5), p99: percentile(delays, 0.99), events });
}

function checked(events: Event[], seen: number): number {
  for (const [i, { seq }] of events.entries()) {
    if (seq !== seen + i + 1) throw new Error(`Event ${seq} came where ${seen + i + 1} belongs.`);
  }
  return seen + events.length;
}
