/** State folders that cannot be used, and disks that are full: said clearly, nothing half-written. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { newPlace, until } from '../e2e/place.ts';

const place = newPlace();
after(() => place.leave());
place.write('quick.yaml', 'name: quick\nprocessors:\n  a: { run: echo hi }\n');
const store = join(place.home, 'wiz.db');

/** A run is refused with exit 3 (or `exit`) and one line, whatever the state folder is. */
async function refused(message: RegExp, options: { home?: string; exit?: number } = {}): Promise<void> {
  const env = { WIZ_HOME: options.home ?? place.home };
  const { code, stdout, stderr } = await place.run(['run', 'quick.yaml'], { env });
  assert.deepEqual([code, stdout], [options.exit ?? 3, ''], stderr);
  assert.match(stderr, message);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
}

test('a store that is garbage, cut short, of another program, of a newer wiz, or a folder', async () => {
  mkdirSync(place.home, { recursive: true });
  writeFileSync(store, Buffer.alloc(50_000, 'garbage'));
  await refused(/damaged or not a database.*move it away/);

  rmSync(store);
  assert.equal((await place.run(['run', 'quick.yaml'])).code, 0);
  await place.out(['executor', 'stop', '--force']);
  truncateSync(store, 20_000);
  await refused(/damaged or not a database/);

  const made = (sql: string) => {
    rmSync(store, { recursive: true });
    const db = new DatabaseSync(store);
    db.exec(sql);
    db.close();
  };
  made('CREATE TABLE theirs (a)');
  await refused(/the database of another program/, { exit: 2 });
  made('PRAGMA application_id = 0x77697a31; PRAGMA user_version = 99');
  await refused(/written by a newer wiz/, { exit: 2 });

  rmSync(store);
  mkdirSync(store);
  await refused(/cannot be opened; check that it is a file/);
  rmSync(store, { recursive: true });
});

test('a state folder that is a file, or has a path that no socket could have', async () => {
  await refused(/state folder .*quick.yaml cannot be made/, { home: join(place.folder, 'quick.yaml') });
  const far = join(place.home, ...Array(3).fill('d'.repeat(100)));
  const env = { WIZ_HOME: far };
  assert.equal((await place.run(['run', 'quick.yaml'], { env })).code, 0);
  await place.out(['executor', 'stop', '--force'], { env });
  rmSync(join(place.home, 'd'.repeat(100)), { recursive: true });
});

test('a full disk: nothing is started; what runs waits, says so, and goes on with a whole log', async (t) => {
  const disk = join(place.folder, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return t.skip('mounting a small disk needs root');
  }
  const home = join(disk, 'home');
  const env = { WIZ_HOME: home };
  const filling = join(disk, 'filling');
  const fill = () => {
    const fd = openSync(filling, 'a');
    try {
      for (;;) writeSync(fd, Buffer.alloc(4096));
    } catch {
      // No space is left.
    } finally {
      closeSync(fd);
    }
  };
  try {
    place.write(
      'slow.yaml',
      `name: slow
processors:
  a: { run: 'touch ready; until [ -e go ]; do sleep 0.05; done; seq 100000' }
  b: { needs: a, run: 'echo $WIZ_ATTEMPT >> ran' }
`,
    );
    const running = place.start(['run', 'slow.yaml'], { env });
    await running.prints(/a {2}Running/);
    fill();
    await refused(/There is no space left for the store .*nothing of this was stored/, { home });
    place.write('go', '');
    await running.says(/Runs wait\. There is no (room|space) left/);
    rmSync(filling);
    await running.says(/Runs go on/);
    const { code, stdout } = await running.ended;
    assert.equal(code, 0, stdout);
    const log = await place.out(['runs', 'logs', 'latest', 'a'], { env });
    assert.equal(log, Array.from({ length: 100_000 }, (_, n) => `${n + 1}\n`).join(''));
    const runs = await place.json(['runs', 'list'], { env });
    assert.equal(runs.length, 1);
  } finally {
    await place.run(['executor', 'stop', '--force'], { env });
    await until('the disk is let go', () => {
      try {
        execFileSync('umount', [disk], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    });
  }
});
