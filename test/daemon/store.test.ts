/** A team moves from SQLite to PostgreSQL with what it has, and with what is going on. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDaemon, startRun } from '../daemon.ts';
import { placeFor } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import { letGo, succeeded, waiting } from '../managers/several.fixture.ts';
import { postgresForTests } from '../postgres.ts';

const server = postgresForTests();

test('a daemon on the copy shows what was, and goes on with what was in flight', async (t) => {
  const place = placeFor(t);
  const address = await (await server()).newDatabase();
  const env = { WIZ_EXECUTOR_GRACE: '1' };
  const sqlite = `sqlite:${place.home}/wiz.db`;
  const first = await startDaemon(place, { env });
  const over = await startRun(
    first.api,
    place,
    'name: over\nprocessors: { a: { run: "echo remembered" } }\n',
  );
  await succeeded(first.api, over);
  const going = await startRun(first.api, place, waiting('w'));
  await pidIn(join(place.folder, 'w.pid'));
  const refused = await place.run(['store', 'copy', sqlite, address]);
  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /used by a daemon .*--live/);
  await first.stop();

  assert.match(
    await place.out(['store', 'migrate', address]),
    /^Made postgres:\/\/postgres:\*\*\*@.*schema \d+/,
  );
  const copied = await place.json(['store', 'copy', sqlite, address]);
  assert.equal(copied.tables.runs, 2);
  assert.doesNotMatch(JSON.stringify(copied), new RegExp(new URL(address).password));
  const again = await place.run(['store', 'copy', sqlite, address]);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /is not empty/);

  letGo(place, 'w');
  const second = await startDaemon(place, { args: ['--store', address], env });
  await succeeded(second.api, going);
  const { run } = await second.api.runs.getRun({ runId: over, summary: true });
  assert.equal(run?.pipeline, 'over');
  const onCopy = { env: { WIZ_STORE: address } };
  assert.equal((await place.out(['runs', 'logs', over], onCopy)).includes('remembered'), true);
  const file = join(place.folder, 'wiz.backup');
  const backedUp = await place.run(['store', 'backup', file], onCopy);
  assert.equal(backedUp.code, 0, backedUp.stderr);
  assert.match(backedUp.stdout, /^runs +2$/m);
  await second.stop();

  const restored = `sqlite:${join(place.folder, 'restored')}/wiz.db`;
  await place.out(['store', 'restore', file, '--store', restored]);
  const logs = await place.out(['runs', 'logs', over], {
    env: { WIZ_HOME: join(place.folder, 'restored') },
  });
  assert.match(logs, /remembered/);
  // What was copied stayed as it was: there the run still goes on.
  await place.out(['runs', 'watch', going]);
});
