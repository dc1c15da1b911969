/** A place is left whatever a test that failed has left there. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { startDaemon } from '../daemon.ts';
import { newPlace } from './place.ts';

test('a daemon that stands still ends with its place', { timeout: 200_000 }, async (t) => {
  const place = newPlace();
  const daemon = await startDaemon(place);
  t.after(() => void daemon.process.child.kill('SIGKILL'));
  daemon.freeze();
  await place.leave();
  assert.equal((await daemon.process.ended).code, 0);
  assert.ok(!existsSync(place.folder));
});
