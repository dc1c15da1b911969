/** A daemon that goes away and comes back under commands that wait for it. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, startDaemon } from '../daemon.ts';
import { newPlace, type Place, until } from '../e2e/place.ts';

let place: Place;
before(() => {
  place = newPlace();
});
after(() => place.leave());

/** Goes on when it is let. */
const WAITS = `name: waits
processors:
  first: { run: "echo before; touch begun; until [ -e go ]; do sleep 0.05; done; echo after" }
  second: { needs: [first], run: "echo done" }
`;

for (const how of ['stop', 'kill'] as const) {
  test(`wiz run and wiz runs logs --follow go on after ${how === 'kill' ? 'kill -9' : 'a restart'}: no gap, no repeat`, async () => {
    place.write('waits.yaml', WAITS);
    for (const name of ['begun', 'go']) await place.run(['exec', '--', 'rm', '-f', name]);
    const first = await startDaemon(place);
    const env = { WIZ_MANAGER: first.url, WIZ_TOKEN: ADMIN_TOKEN };
    const watching = place.start(['run', 'waits.yaml', '--json'], { env });
    await until('the program has begun', () => existsSync(join(place.folder, 'begun')));
    const { run } = JSON.parse(watching.stdout.split('\n')[0]!) as { run: string };
    const following = place.start(['runs', 'logs', run, 'first', '--follow'], { env });
    await following.prints(/before/);

    await first[how]();
    await watching.says(
      /connection refused\. Trying again|broke\. Trying again|shutting down\. Trying again/,
    );
    writeFileSync(join(place.folder, 'go'), '');
    const port = new URL(first.url).port;
    const second = await startDaemon(place, { args: ['--set', `listen=127.0.0.1:${port}`] });
    assert.equal(second.url, first.url);

    const [ended, logs] = await Promise.all([watching.ended, following.ended]);
    assert.equal(ended.code, 0, ended.stderr);
    const events = ended.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number; kind: string });
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, i) => i + 1),
    );
    assert.equal(events.at(-1)?.kind, 'runEnded');
    assert.match(ended.stderr, /answers again/);
    assert.deepEqual([logs.code, logs.stdout], [0, 'before\nafter\n'], logs.stderr);
    await second.stop();
  });
}
