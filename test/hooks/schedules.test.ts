import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Daemon, startDaemon } from '../daemon.ts';
import { type Place, placeFor, until } from '../e2e/place.ts';

/** Schedules with the built bin: daemons that are killed and restarted, and several at once. */

const text = (every: string, rest = '') => `name: tick
processors: { work: { run: "true" } }
triggers: [{ schedule: { every: ${every} }, catchUp: all, overlap: queue${rest} }]
`;

async function apply(daemon: Daemon, place: Place, content: string): Promise<void> {
  const file = { path: 'p.yaml', content: Buffer.from(content), baseDir: place.folder };
  await daemon.api.pipelines.applyPipelines({ files: [file] });
}

/** Scheduled times of runs that were read before. */
const known = new Map<string, number>();

/** Scheduled times of all runs, in seconds, in their order. */
async function fired(daemon: Daemon): Promise<number[]> {
  const { runs } = await daemon.api.runs.listRuns({ pipeline: 'tick', pageSize: 1000 });
  const times: number[] = [];
  for (const { runId, labels } of runs) {
    assert.equal(labels['wiz/trigger'], 'schedule');
    if (!known.has(runId)) known.set(runId, await scheduledTime(daemon, runId));
    times.push(known.get(runId)!);
  }
  return times.sort((a, b) => a - b);
}

async function scheduledTime(daemon: Daemon, runId: string): Promise<number> {
  for await (const { events } of daemon.api.runs.watchRun({ runId })) {
    const [first] = events;
    if (first?.event.case === 'runCreated') return first.event.value.trigger!.scheduledUnixMs / 1000;
  }
  return assert.fail(`run ${runId} has no first event`);
}

function assertEach(times: number[], stepS: number): void {
  for (const [i, time] of times.entries()) {
    assert.equal(time % stepS, 0);
    if (i > 0) assert.equal(time, times[i - 1]! + stepS, `once each: ${times}`);
  }
}

test('through kill -9 and restarts each time fires once', async (t) => {
  const place = placeFor(t);
  let daemon = await startDaemon(place);
  await apply(daemon, place, text('1s'));
  for (const n of [3, 6, 9]) {
    await until(`${n} runs`, async () => (await fired(daemon)).length >= n);
    await daemon.kill();
    daemon = await startDaemon(place);
  }
  const before = (await fired(daemon)).length;
  await until('it goes on', async () => (await fired(daemon)).length > before);
  const started = () => daemon.process.stderr.split('\n').filter((line) => line.includes('"run started"'));
  await until('a line for a run that a schedule started', () => started().length > 0);
  const { code } = await place.run(['schedules', 'pause', 'tick']);
  assert.equal(code, 0);
  assertEach(await fired(daemon), 1);
  await daemon.stop();
});

test('two daemons fire each time once, also when the one that fires is killed or stands still', async (t) => {
  const place = placeFor(t);
  const daemons = [await startDaemon(place), await startDaemon(place)];
  await apply(daemons[0]!, place, text('1s'));
  await until('runs', async () => (await fired(daemons[0]!)).length >= 3);
  await daemons[0]!.kill();
  const left = daemons[1]!;
  const before = (await fired(left)).length;
  await until('the other one fires', async () => (await fired(left)).length >= before + 3);
  const third = await startDaemon(place);
  await until('both', async () => (await fired(left)).length >= before + 5);
  await place.out(['schedules', 'pause', 'tick']);
  assertEach(await fired(left), 1);
  await left.stop();
  await third.stop();
});

test('schedules are listed, held, fired by hand, and gone with their pipeline', async (t) => {
  const place = placeFor(t);
  place.write(
    'p.yaml',
    text('24d', ', params: { region: eu }').replace('processors', 'params: { region: us }\nprocessors'),
  );
  const applied = await place.run(['pipeline', 'apply', 'p.yaml']);
  assert.equal(applied.code, 0, applied.stderr);
  assert.match(
    applied.stderr,
    /Schedules of tick fire while `wiz manager serve` runs; it does not run now\./,
  );
  const [schedule] = await place.json(['schedules', 'list']);
  assert.deepEqual(
    [schedule.pipeline, schedule.name, schedule.everyMs],
    ['tick', 'schedule', 24 * 86_400_000],
  );
  assert.match(await place.out(['schedules', 'pause', 'tick/schedule']), /is paused/);
  assert.match(await place.out(['schedules', 'list']), /tick\/schedule +every 24d 00h +paused/);
  const { runId } = await place.json(['schedules', 'fire', 'tick']);
  const { run } = await place.json(['runs', 'get', runId]);
  assert.deepEqual([run.state, run.paramsJson], ['RUN_STATE_SUCCEEDED', '{"region":"eu"}']);
  assert.match(await place.out(['schedules', 'resume', 'tick']), /fires next at 20/);
  const wrong = await place.run(['schedules', 'fire', 'tick/shedule']);
  assert.deepEqual([wrong.code, /Did you mean "schedule"/.test(wrong.stderr)], [2, true]);
  await place.out(['pipeline', 'delete', 'tick']);
  assert.deepEqual(await place.json(['schedules', 'list']), []);
});
