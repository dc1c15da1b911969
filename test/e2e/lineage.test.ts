/** Lineage: which runs and inputs made a file, and what was made of it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

const FILES = `
name: report
params: { title: first }
processors:
  collect: { run: "printf 'raw data' > $WIZ_FILES/raw.csv" }
  clean: { needs: collect, run: "tr a-z A-Z < ${"${{ files.collect['raw.csv'] }}"} > $WIZ_FILES/clean.csv" }
  aside: { run: "echo of no use > $WIZ_FILES/aside.txt" }
  draw:
    needs: [clean, aside]
    run: (echo "$TITLE"; cat ${"${{ files.clean['clean.csv'] }}"}) > "$WIZ_FILES/report.html"
outputs: { files: { report.html: "${"${{ files.draw['report.html'] }}"}" } }
`;

const CACHED = `
name: cached
params: { again: 0 }
processors:
  read:
    cache: { inputs: [data/*.txt] }
    run: cat data/*.txt > "$WIZ_FILES/all.txt"
  count: { needs: read, run: "echo $AGAIN; wc -c < ${"${{ files.read['all.txt'] }}"} > $WIZ_FILES/count" }
`;

interface Step {
  runId: string;
  pipeline: string;
  processor: string;
  attempt?: number;
  distance: number;
  inputs?: { name: string; hash: string }[];
  outputs?: { name: string; hash: string }[];
  params: Record<string, unknown>;
}

const short = (steps: Step[]) => steps.map(({ distance, processor }) => `${distance} ${processor}`).sort();
const lineage = (
  name: string,
  ...flags: string[]
): Promise<{ file: Record<string, string>; up: Step[]; down: Step[] }> =>
  place.json(['lineage', name, ...flags]);
const run = async (...args: string[]): Promise<string> => {
  await place.out(['run', ...args]);
  const [{ runId }] = await place.json(['runs', 'list']);
  return runId;
};

let first: string;
before(async () => {
  place.write('report.yaml', FILES);
  place.write('cached.yaml', CACHED);
  place.write('data/a.txt', 'a');
  place.write('data/b.txt', 'b');
  first = await run('report.yaml');
  await run('report.yaml', '-p', 'title=second');
  await place.out(['files', 'get', `${first}/report.html`]);
});

test('of a file on disk, wherever it lies: the run, the processors and the inputs that made it', async () => {
  const { file, up, down } = await lineage('report.html');
  assert.deepEqual([file.runId, file.path], [first, 'report.html']);
  assert.deepEqual(short(up), ['1 draw', '2 aside', '2 clean', '3 collect']);
  assert.ok(up.every(({ runId, params }) => runId === first && params.title === 'first'));
  assert.deepEqual(down, []);
  const draw = up.find(({ processor }) => processor === 'draw')!;
  assert.deepEqual(draw.inputs?.map(({ name }) => name).sort(), ['aside.txt', 'clean.csv']);
  assert.equal(
    draw.outputs?.[0]?.hash,
    createHash('sha256')
      .update(readFileSync(join(place.folder, 'report.html')))
      .digest('hex'),
  );

  const text = await place.out(['lineage', 'report.html']);
  for (const word of ['draw', 'clean', 'collect', 'raw.csv', first]) assert.ok(text.includes(word), text);
  assert.deepEqual(short((await lineage('report.html', '--up', '--depth', '1')).up), ['1 draw']);

  place.write('report.html', 'changed');
  const changed = await place.run(['lineage', 'report.html']);
  assert.equal(changed.code, 2);
  assert.match(changed.stderr, /no run left or used report\.html\n.*may have been changed/);
});

test('down from an input, by the beginning of its hash: everything in every run that was made of it', async () => {
  const raw = createHash('sha256').update('raw data').digest('hex');
  const { up, down } = await lineage(raw.slice(0, 12));
  // Both runs left the same raw.csv.
  assert.deepEqual(short(up), ['1 collect', '1 collect']);
  assert.deepEqual(short(down), ['1 clean', '1 clean', '2 draw', '2 draw']);
  assert.equal(new Set(down.map(({ runId }) => runId)).size, 2);
  const { down: one, up: none } = await lineage(`${first}/collect/raw.csv`, '--down', '--depth', '1');
  assert.equal(none, undefined);
  assert.ok(short(one).every((step) => step === '1 clean'));
  const missing = await place.run(['lineage', '0'.repeat(64)]);
  assert.equal(missing.code, 2);
});

test('a cached result names the run that made it, and the files on disk that it declared', async () => {
  const maker = await run('cached.yaml');
  const user = await run('cached.yaml', '-p', 'again=1');
  assert.notEqual(user, maker);
  const { up } = await lineage(`${user}/count/count`, '--up');
  const step = (name: string) => up.find(({ processor }) => processor === name)!;
  assert.equal(step('read').runId, maker, 'not the one that reused it');
  assert.ok(up.some(({ processor, runId }) => processor === 'count' && runId === user));
  const inputs = step('read').inputs!.map(({ name }) => name.split('/').slice(-2).join('/'));
  assert.deepEqual(inputs.sort(), ['data/a.txt', 'data/b.txt']);

  const down = await lineage('data/a.txt', '--down');
  assert.ok(short(down.down).includes('1 read'), JSON.stringify(down));
  assert.ok(short(down.down).includes('2 count'));
});
