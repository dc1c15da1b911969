/** Programs that write much, or nothing a terminal would like: memory stays flat, the log is whole. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newPlace } from '../e2e/place.ts';
import { peakMemory, victimsOf } from './victims.ts';

const place = newPlace();
after(() => place.leave());

/** Megabytes; by hand: CHAOS_OUTPUT_MB=1000. */
const MEGABYTES = Number(process.env.CHAOS_OUTPUT_MB ?? 200);
/** Bytes that any process of wiz may have in memory at most, whatever a program writes: about twice what an idle one has,
 *  and far less with 200 MB under way than if these were kept. */
const FLAT = 280e6;

// Lines that do not repeat, and the hash of them all beside.
place.write(
  'write.mjs',
  `import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync, writeSync } from 'node:fs';
const hash = createHash('sha256');
for (let left = ${MEGABYTES} * 1e6; left > 0; left -= 1e6) {
  const text = randomBytes(0.75e6).toString('base64').replace(/.{100}/g, '$&\\n');
  hash.update(text);
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}
writeFileSync('sum', hash.digest('hex'));
`,
);
place.write('much.yaml', 'name: much\nprocessors:\n  much: { program: [node, write.mjs] }\n');

test(`${MEGABYTES} MB on stdout: memory stays flat and the log is whole`, {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async () => {
  const peaks: Record<string, number> = {};
  const watch = (kind: string, pids: number[]) => {
    for (const pid of pids) peaks[kind] = Math.max(peaks[kind] ?? 0, peakMemory(pid));
  };
  const running = place.start(['run', 'much.yaml']);
  while (running.child.exitCode === null) {
    const { commands, executors, spawners } = victimsOf(place.folder);
    watch('wiz run', commands);
    watch('executor', executors);
    watch('spawner', spawners);
    await sleep(200);
  }
  const { code, stdout } = await running.ended;
  assert.equal(code, 0, stdout);

  const hash = createHash('sha256');
  const reading = place.start(['runs', 'logs', 'latest', 'much']);
  reading.child.stdout!.removeAllListeners('data').on('data', (data) => {
    hash.update(data);
    watch('wiz runs logs', [reading.child.pid!]);
  });
  assert.equal((await reading.ended).code, 0);
  assert.equal(hash.digest('hex'), readFileSync(join(place.folder, 'sum'), 'utf8'));
  for (const kind of ['wiz run', 'executor', 'spawner', 'wiz runs logs']) {
    const peak = peaks[kind] ?? Number.NaN;
    assert.ok(peak > 0 && peak < FLAT, `${kind} had ${Math.round(peak / 1e6)} MB`);
  }
});

test('a line without end, bytes that are no text, and 100,000 lines on each of two streams', async () => {
  place.write(
    'odd.yaml',
    `name: odd
processors:
  endless: { run: "head -c 20000000 /dev/zero | tr '\\\\0' x" }
  binary: { run: 'cat bytes' }
  both: { run: 'for i in $(seq 100000); do echo "out $i"; echo "err $i" >&2; done' }
`,
  );
  const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, n) => (n * 31 + (n >> 8)) % 256));
  place.write('bytes', bytes as unknown as string);
  await place.out(['run', 'odd.yaml']);
  const log = async (...args: string[]) => (await place.run(['runs', 'logs', 'latest', ...args])).bytes;
  const endless = await log('endless');
  assert.deepEqual([endless.length, endless.every((byte) => byte === 0x78)], [20_000_000, true]);
  assert.ok(bytes.equals(await log('binary')));
  for (const stream of ['out', 'err']) {
    const expected = Array.from({ length: 100_000 }, (_, n) => `${stream} ${n + 1}\n`).join('');
    assert.ok((await log('both', `--std${stream}`)).equals(Buffer.from(expected)), stream);
  }
  const { processors } = await place.json(['runs', 'get', 'latest']);
  assert.equal(processors[0].output.file.size, 20_000_000);
});
