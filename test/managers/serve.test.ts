/** One daemon: its API from outside, SIGTERM, and what is left then. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { newPlace } from '../e2e/place.ts';

const place = newPlace();
after(() => place.leave());

test('a run that is started by one client is seen by another, and by the command line', async () => {
  const daemon = await startDaemon(place);
  const other = daemon.connect();
  const runId = await startRun(
    daemon.api,
    place,
    'name: two\nprocessors:\n  a: { run: echo one }\n  b: { needs: a, run: echo two }\n',
  );
  const { events, state } = await watchToEnd(other, runId);
  assert.equal(state, RunState.SUCCEEDED);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
  );
  assert.equal(await place.out(['runs', 'logs', runId, 'b']), 'two\n');
  // Its executor goes with it, which is nothing to be warned of.
  const { stderr } = await daemon.stop();
  assert.doesNotMatch(stderr, /"level":"(?:warn|error)"/);
});
