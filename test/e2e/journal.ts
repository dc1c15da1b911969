import assert from 'node:assert/strict';

/** An event as `--json` prints it: its kind, and what it says under the name of its kind. */
export interface EventLine {
  run: string;
  pipeline: string;
  kind: string;
  seq?: number;
  unixMs: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect, and fail when it is not there
  [kind: string]: any;
}

/** At least one, or the JSON is none. */
export function eventsOf(stdout: string): [EventLine, ...EventLine[]] {
  const [first, ...others] = stdout.trim().split('\n');
  return [JSON.parse(first!), ...others.map((line) => JSON.parse(line))];
}

/** `started a`, `ended a`, … in the order of the journal. */
export function stepsOf(events: EventLine[]): string[] {
  return events.flatMap((event) => {
    if (event.kind === 'attemptStarted') return [`started ${event.attemptStarted.processor}`];
    if (event.kind === 'attemptEnded') return [`ended ${event.attemptEnded.report.processor}`];
    return [];
  });
}

/** Names of the processors that were started, in order, each as often as it was. */
export function startedIn(events: EventLine[]): string[] {
  return events.flatMap((event) =>
    event.kind === 'attemptStarted' ? [event.attemptStarted.processor as string] : [],
  );
}

/** The states that each processor went through, from the Idle that every one begins with. */
export function statesOf(events: EventLine[]): Map<string, string[]> {
  const spec = JSON.parse(events[0]!.runCreated.specJson);
  const states = new Map<string, string[]>(
    spec.processors.map(({ name }: { name: string }) => [name, ['Idle']]),
  );
  const enter = (name: string, state: string) => states.get(name)!.push(state);
  for (const event of events) {
    if (event.kind === 'attemptStarted') enter(event.attemptStarted.processor, 'Running');
    const { attemptEnded, processorEnded } = event;
    if (attemptEnded) enter(attemptEnded.report.processor, word('PROCESSOR', attemptEnded.state));
    if (processorEnded) enter(processorEnded.processor, word('PROCESSOR', processorEnded.state));
  }
  return states;
}

/** RUN_STATE_SUCCEEDED -> Succeeded. Fails for what is no state. */
export function word(of: 'RUN' | 'PROCESSOR', state: string): string {
  const words = of === 'RUN' ? 'RUNNING|FAILED|SUCCEEDED' : 'IDLE|RUNNING|FAILED|SUCCEEDED';
  const [, name] = new RegExp(`^${of}_STATE_(${words})$`).exec(state) ?? assert.fail(`no state: ${state}`);
  return name!.charAt(0) + name!.slice(1).toLowerCase();
}
