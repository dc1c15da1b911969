import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Place, until } from '../e2e/place.ts';
import { victimsOf } from './victims.ts';

/** What a run says of itself, held against what its programs wrote down. */

export interface Attempt {
  attempt: number;
  state: string;
  reason?: string;
  failureClass?: string;
}

export interface Processor {
  name: string;
  state: string;
  reason?: string;
  message?: string;
  attempts?: Attempt[];
}

export interface Story {
  run: { runId: string; state: string; reason?: string };
  processors: Processor[];
}

/** Each attempt of a program that begins with it writes a line to `diary`, and one to `overlaps` when an earlier
 *  attempt of the same processor still runs; one that is dead and that nobody has reaped yet does not. */
export const DIARY = [
  'for old in pid.$WIZ_RUN_ID.$WIZ_PROCESSOR.*; do',
  '  if [ -e "$old" ] && grep -qs "^State:.[^ZX]" "/proc/$(cat "$old")/status"; then echo "$old" >> overlaps; fi',
  'done',
  'echo $$ > pid.$WIZ_RUN_ID.$WIZ_PROCESSOR.$WIZ_ATTEMPT',
  'echo "$WIZ_RUN_ID $WIZ_PROCESSOR $WIZ_ATTEMPT" >> diary',
];

/** Waits for the end of a run as the next wiz sees it, and checks the run against the diary. */
export async function wholeStory(place: Place, runId: string): Promise<Story> {
  const watching = place.start(['runs', 'watch', runId, '--json']);
  try {
    await until(`run ${runId} has ended`, () => watching.child.exitCode !== null);
  } finally {
    watching.child.kill('SIGKILL');
  }
  const story: Story = await place.json(['runs', 'get', runId]);
  assert.notEqual(story.run.state, 'RUN_STATE_RUNNING');
  const executed = linesOf(place, 'diary').filter((line) => line.startsWith(runId));
  const told = story.processors.flatMap(({ name, attempts = [] }) =>
    attempts.map(({ attempt }) => `${runId} ${name} ${attempt}`),
  );
  assert.deepEqual(
    executed.filter((line) => !told.includes(line)),
    [],
    'every execution is an attempt of the run',
  );
  assert.equal(new Set(executed).size, executed.length, `no attempt runs twice: ${executed.sort()}`);
  assert.deepEqual(linesOf(place, 'overlaps'), [], 'no attempt runs beside an earlier one');
  for (const { name, state, attempts = [] } of story.processors) {
    assert.notEqual(state, 'PROCESSOR_STATE_RUNNING', name);
    if (state !== 'PROCESSOR_STATE_SUCCEEDED') continue;
    const last = attempts.at(-1)!;
    assert.equal(last.state, 'PROCESSOR_STATE_SUCCEEDED', name);
    assert.ok(executed.includes(`${runId} ${name} ${last.attempt}`), `${name} did run`);
  }
  return story;
}

export function linesOf(place: Place, file: string): string[] {
  const path = join(place.folder, file);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}

/** Everything ends by itself: the executors when they are no longer warm, the background manager without work. */
export async function allEnd(place: Place): Promise<void> {
  const left = () => Object.entries(victimsOf(place.folder)).filter(([, pids]) => pids.length > 0);
  await until('nothing of the place runs', () => left().length === 0).catch(() => {
    assert.deepEqual(left(), []);
  });
}
