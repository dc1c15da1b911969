import assert from 'node:assert/strict';
import { type Event, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { type Daemon, type DaemonApi, watchToEnd } from '../daemon.ts';
import { type Place, until } from '../e2e/place.ts';

/** What tests of several daemons share. */

/** Each program leaves one line, whichever executor it runs on. */
export const COUNTING = `name: counting
processors:
  a: { run: 'echo "$WIZ_RUN_ID a" >> counts; echo did a' }
  b: { needs: a, run: 'echo "$WIZ_RUN_ID b" >> counts; echo did b' }
`;

/** A program that writes its pid, waits for the file NAME.go, and is followed by another one. */
export function waiting(name: string): string {
  return `name: waiting
processors:
  wait: { run: 'echo $$ > ${name}.pid.new; mv ${name}.pid.new ${name}.pid; until test -e ${name}.go; do sleep 0.05; done; echo went' }
  after: { needs: wait, run: echo on }
`;
}

export function letGo(place: Place, name: string): void {
  place.write(`${name}.go`, '');
}

export async function idOf(daemon: Daemon): Promise<string> {
  return (await daemon.api.manager.getManager({})).managerId;
}

/** Waits until a manager sees so many daemons that do not drain. */
export async function seesManagers(daemon: Daemon, count: number): Promise<void> {
  await until(`${count} managers see each other`, async () => {
    const { managers } = await daemon.api.manager.getManager({});
    return managers.filter(({ kind, draining }) => kind === 'daemon' && !draining).length === count;
  });
}

/** Waits until a manager, or another one than that, owns a run. */
export async function isOwned(
  api: DaemonApi,
  runId: string,
  by: { is?: string; not?: string },
): Promise<string> {
  let owner = '';
  await until(`run ${runId} has another owner`, async () => {
    owner = (await api.runs.getRun({ runId, summary: true })).run?.managerId ?? '';
    return owner !== '' && (by.is === undefined || owner === by.is) && owner !== by.not;
  });
  return owner;
}

/** The run succeeded, and nothing in its journal stands twice. */
export async function succeeded(api: DaemonApi, runId: string): Promise<Event[]> {
  const { events, state } = await watchToEnd(api, runId);
  assert.equal(state, RunState.SUCCEEDED, runId);
  checkJournal(events, runId);
  return events;
}

/** The same, and no attempt was lost: what runs is not disturbed. (One that was journaled and not sent yet is lost with a
 *  manager that is killed just then, and has never run.) */
export async function endedWell(api: DaemonApi, runId: string): Promise<Event[]> {
  const events = await succeeded(api, runId);
  const attempts = Object.entries(attemptsOf(events));
  assert.deepEqual(
    attempts.filter(([, count]) => count > 1),
    [],
    `${runId}: attempts that were lost\n${events.map(({ unixMs, event }) => `${unixMs} ${JSON.stringify(event, shortened)}`).join('\n')}`,
  );
  return events;
}

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

/** Managers that took a run over, in order. */
export function ownersOf(events: Event[]): string[] {
  return events.flatMap(({ event }) => (event.case === 'runAdopted' ? [event.value.managerId] : []));
}

function shortened(key: string, value: unknown): unknown {
  return key === 'specJson' || key === '$typeName' ? undefined : value;
}
