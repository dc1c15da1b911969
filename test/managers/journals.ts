/** What the store of a place says of its runs when all is over. */
import assert from 'node:assert/strict';
import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';

/** No attempt started twice, none ended twice, and every number there once. */
export function checkJournal(events: Event[], runId: string): void {
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
    `${runId}: numbers without gaps`,
  );
  const seen = new Set<string>();
  for (const { event } of events) {
    const name =
      event.case === 'attemptStarted'
        ? `start of ${event.value.processor}#${event.value.attempt}`
        : event.case === 'attemptEnded'
          ? `end of ${event.value.report?.processor}#${event.value.report?.attempt}`
          : undefined;
    if (name === undefined) continue;
    assert.ok(!seen.has(name), `${runId}: the ${name} is journaled twice`);
    seen.add(name);
  }
  assert.equal(events.filter(({ event }) => event.case === 'runEnded').length, 1, `${runId}: ends once`);
}

/** Attempts of a run by processor. */
export function attemptsOf(events: Event[]): Record<string, number> {
  const attempts: Record<string, number> = {};
  for (const { event } of events) {
    if (event.case !== 'attemptStarted') continue;
    const { processor } = event.value;
    attempts[processor] = (attempts[processor] ?? 0) + 1;
  }
  return attempts;
}

/** Managers that had a run, in order. */
export function ownersOf(events: Event[]): string[] {
  return events.flatMap(({ event }) => (event.case === 'runAdopted' ? [event.value.managerId] : []));
}
