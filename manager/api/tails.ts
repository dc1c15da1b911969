import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { LogTail, WatchRunResponse } from '../../proto/gen/wiz/v1/runs_pb.js';
import type { Manager } from '../manager.ts';

/** Milliseconds between looks at the last lines; a person reads no faster. */
const TAIL_MS = 200;
/** Processors whose last line is looked up; more do not fit on a screen. */
const MOST_TAILS = 50;

/** Events of a run, and between them the last log lines of what runs, when they changed. */
export async function* tailsOf(
  manager: Manager,
  runId: string,
  events: AsyncIterable<Event[]>,
  signal: AbortSignal,
): AsyncGenerator<WatchRunResponse> {
  const running = new Map<string, { attempt: number; line: string }>();
  const iterator = events[Symbol.asyncIterator]();
  try {
    let pending = iterator.next();
    while (!signal.aborted) {
      const { tick, cancel } = after(TAIL_MS);
      const result = await Promise.race([pending, tick]);
      cancel();
      if (result !== undefined) {
        if (result.done) return;
        pending = iterator.next();
        for (const event of result.value) follow(running, event);
        yield { $typeName: 'wiz.v1.WatchRunResponse', events: result.value, tails: [] };
      }
      const tails = await changedTails(manager, runId, running);
      if (tails.length > 0) yield { $typeName: 'wiz.v1.WatchRunResponse', events: [], tails };
    }
  } finally {
    await iterator.return?.();
  }
}

function follow(running: Map<string, { attempt: number; line: string }>, { event }: Event): void {
  if (event.case === 'attemptStarted') {
    running.set(event.value.processor, { attempt: event.value.attempt, line: '' });
  } else if (event.case === 'attemptEnded') {
    running.delete(event.value.report!.processor);
  }
}

async function changedTails(
  manager: Manager,
  runId: string,
  running: Map<string, { attempt: number; line: string }>,
): Promise<LogTail[]> {
  const looked = [...running].slice(0, MOST_TAILS);
  if (looked.length === 0) return [];
  const lines = await manager.logs.tails(
    runId,
    looked.map(([processor, { attempt }]) => ({ processor, attempt })),
  );
  const tails: LogTail[] = [];
  for (const [n, [processor, seen]] of looked.entries()) {
    const line = lines[n]!;
    if (line === seen.line) continue;
    seen.line = line;
    tails.push({ $typeName: 'wiz.v1.LogTail', processor, attempt: seen.attempt, line });
  }
  return tails;
}

function after(ms: number): { tick: Promise<undefined>; cancel: () => void } {
  let cancel = () => {};
  const tick = new Promise<undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    cancel = () => clearTimeout(timer);
  });
  return { tick, cancel };
}
