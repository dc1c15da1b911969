/** Logs: kept byte for byte, followed live from another process, and read by those who go away. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newPlace, started } from './place.ts';

const place = newPlace();
after(() => place.leave());

test('the log of each stream is what the program wrote, byte for byte', async () => {
  // No text, no last line end, and much more than any buffer on the way.
  const [out, err] = [randomBytes(3_000_017), randomBytes(1_000_003)];
  writeFileSync(join(place.folder, 'out.bin'), out);
  writeFileSync(join(place.folder, 'err.bin'), err);
  place.write(
    'bytes.yaml',
    'name: bytes\nprocessors:\n  both: { run: cat err.bin >&2 & cat out.bin; wait }\n',
  );
  await place.out(['run', 'bytes.yaml']);
  const args = ['runs', 'logs', 'latest', 'both'];
  const [stdout, stderr, both] = await Promise.all(
    [['--stdout'], ['--stderr'], []].map((flags) => place.run([...args, ...flags])),
  );
  assert.ok(stdout!.bytes.equals(out));
  assert.ok(stderr!.bytes.equals(err));
  assert.equal(both!.bytes.length, out.length + err.length);
});

test('logs are followed live from another process, with the lines that were there before', async () => {
  place.write(
    'live.yaml',
    `name: live
processors:
  talks:
    run: |
      echo one; until test -e two; do sleep 0.02; done
      printf 'two, '; echo two; until test -e three; do sleep 0.02; done
      echo three
  after: { needs: talks, run: echo four }
`,
  );
  const running = place.start(['run', 'live.yaml']);
  const [id] = await running.prints(/\w{27}/);
  await running.prints(/talks {2}Running/);
  const all = place.start(['runs', 'logs', id, '--follow']);
  const one = place.start(['runs', 'logs', id, 'talks', '-f']);
  await Promise.all([all.prints(/talks \| one\n/), one.prints(/^one\n$/)]);
  place.write('two', '');
  await one.prints(/^one\ntwo, two\n$/);
  const late = place.start(['runs', 'logs', id, 'talks', '-f', '--from-line', '2', '-n']);
  await late.prints(/2.*two, two\n/);
  place.write('three', '');
  const texts = await Promise.all([all, one, late].map(async ({ ended }) => (await ended).stdout));
  assert.equal(texts[0], 'talks | one\ntalks | two, two\ntalks | three\nafter | four\n');
  assert.equal(texts[1], 'one\ntwo, two\nthree\n');
  assert.deepEqual(texts[2]!.match(/\d+/g), ['2', '3']);
  assert.equal((await running.ended).code, 0);

  const json = (await place.out(['runs', 'logs', id, '--json']))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [first] = json;
  assert.deepEqual(
    [first.processor, first.attempt, first.stream, first.line, first.text],
    ['talks', 1, 'stdout', 1, 'one'],
  );
  assert.equal(json.length, 4);
});

test('a reader that goes away is no error: logs | head, list | true', async () => {
  place.write('many.yaml', 'name: many\nprocessors:\n  lines: { run: seq 200000 }\n');
  await place.out(['run', 'many.yaml']);
  const bin = join(import.meta.dirname, '../../cli/bin/wiz.js');
  for (const [args, reader, expected] of [
    ['runs logs latest', 'head -1', '1\n0\n'],
    ['runs list', 'true', '0\n'],
  ]) {
    const script = `"$0" "$1" ${args} 2>err | ${reader}; echo "\${PIPESTATUS[0]}"; cat err`;
    const child = spawn('bash', ['-c', script, process.execPath, bin], {
      cwd: place.folder,
      env: place.environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.equal((await started(child, `${args} | ${reader}`).ended).stdout, expected);
  }
});

test('wiz run whose reader goes away runs to its end', async () => {
  place.write(
    'quiet.yaml',
    "name: quiet\nprocessors:\n  first: { run: 'until test -e gone; do sleep 0.02; done' }\n  last: { needs: first, run: echo done }\n",
  );
  const running = place.start(['run', 'quiet.yaml']);
  const [id] = await running.prints(/\w{27}/);
  running.child.stdout!.destroy();
  place.write('gone', '');
  await new Promise((resolve) => running.child.once('exit', resolve));
  assert.equal(running.child.exitCode, 0);
  assert.equal((await place.json(['runs', 'get', id])).run.state, 'RUN_STATE_SUCCEEDED');
});
