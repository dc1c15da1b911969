import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Data, File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { createdEvent, type ProcessorSketch, pipeline } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import type { JsonValue, OutputsSpec } from '../spec/spec.ts';
import { drive } from './drive.fixture.ts';
import { MemoryFiles, MemoryStore } from './memory.fixture.ts';
import { createPreparer } from './preparer.ts';

let files: MemoryFiles;
beforeEach(() => {
  files = new MemoryFiles();
});

const json = (value: JsonValue): Data => ({
  $typeName: 'wiz.v1.Data',
  value: { case: 'json', value: JSON.stringify(value) },
  mediaType: '',
  form: 0,
});

async function stored(name: string, content: string): Promise<File> {
  const { hash, size } = await files.putBytes(Buffer.from(content));
  return { $typeName: 'wiz.v1.File', name, hash, size, mediaType: 'image/png', folder: false };
}

/** What a run leaves: paths with who made them and their content, and rows. */
async function left(
  sketches: ProcessorSketch[],
  give: Record<string, Partial<Report>>,
  outputs: Partial<OutputsSpec>,
) {
  const spec = pipeline(sketches, { outputs: { files: {}, records: [], ...outputs } });
  const run = newRunMachine(createdEvent(spec), 'manager', 1);
  const preparer = createPreparer({
    store: new MemoryStore(),
    files: files.asFileStore(),
    environment: {},
    executorsAreLocal: () => true,
    note: (message) => assert.fail(message),
  });
  await drive(run, preparer, (task) => give[task.name] ?? {});
  const conclusion = await preparer.conclude(run);
  if (conclusion.kind === 'fail') return `${conclusion.reason}: ${conclusion.message}`;
  const kept = conclusion.files.map(({ path, file, processor }) => [
    path,
    processor,
    file!.mediaType,
    files.objects.get(file!.hash)!.toString(),
  ]);
  const records = conclusion.records.map(({ table, processor, rows }) => ({ table, processor, rows }));
  return { kept, records, rows: conclusion.rows };
}

test('a file of a processor is kept under its path, other values as files of their own', async () => {
  const give = {
    a: { files: [await stored('plot.png', 'png')], output: json({ n: [1] }) },
    b: { output: { ...json(null), value: { case: 'text', value: 'line\n' } } satisfies Data },
  };
  const outputs = {
    files: {
      'plots/a.png': '${{ files.a["plot.png"] }}',
      'value.json': '${{ outputs.a }}',
      'log.txt': '${{ outputs.b }}',
      'note.txt': 'from ${{ outputs.a.n[0] }} and ${{ size(outputs.b.lines) }}',
    },
  };
  assert.deepEqual(await left([{ name: 'a' }, { name: 'b', needs: ['a'] }], give, outputs), {
    kept: [
      ['plots/a.png', 'a', 'image/png', 'png'],
      ['value.json', 'a', 'application/json', '{\n  "n": [\n    1\n  ]\n}\n'],
      ['log.txt', 'b', 'text/plain', 'line\n'],
      ['note.txt', 'b', 'text/plain', 'from 1 and 1'],
    ],
    records: [],
    rows: [],
  });
});

test('maps and lists of files are kept below the path', async () => {
  const give = {
    'each[0]': { files: [await stored('a.png', 'zero')] },
    'each[1]': { files: [await stored('a.png', 'one'), await stored('sub/b.png', 'two')] },
  };
  const each = [{ name: 'each', each: [0, 1] }];
  const all = await left(each, give, { files: { 'all/': '${{ files.each }}' } });
  assert.deepEqual(
    typeof all === 'object' && all.kept.map(([path, maker, , content]) => [path, maker, content]),
    [
      ['all/0/a.png', 'each', 'zero'],
      ['all/1/a.png', 'each', 'one'],
      ['all/1/sub/b.png', 'each', 'two'],
    ],
  );
  const list = '${{ [files.each["0/a.png"], files.each["1/a.png"]] }}';
  const some = await left(each, give, { files: { some: list } });
  assert.deepEqual(typeof some === 'object' && some.kept.map(([path]) => path), [
    'some/0/a.png',
    'some/1/a.png',
  ]);
  const twice = '${{ [files.each["0/a.png"], files.each["0/a.png"]] }}';
  assert.equal(
    await left(each, give, { files: { some: twice } }),
    'bad-output: outputs.files has two files for some/0/a.png; give a map of names',
  );
});

test('a path that leads out is refused', async () => {
  const give = { a: { files: [await stored('x', 'x')] } };
  for (const name of ['..', '../x', 'a//b', '', '.', 'a\\u0000b']) {
    const outputs = { files: { out: `\${{ {"${name}": files.a.x} }}` } };
    const said = await left([{ name: 'a' }], give, outputs);
    assert.match(String(said), /^bad-output: outputs.files has the path .*; it must be relative/, name);
  }
});

test('records are lists of objects, or one', async () => {
  const rows = [{ t: 1 }, { t: 2 }];
  const give = { a: { output: json({ rows, one: { t: 3 }, bad: [{ t: 1 }, 2], unnamed: { '': 1 } }) } };
  const records = (rows: string) => left([{ name: 'a' }], give, { records: [{ table: 'temps', rows }] });
  assert.deepEqual(await records('${{ outputs.a.rows }}'), {
    kept: [],
    records: [{ table: 'temps', processor: 'a', rows: 2 }],
    rows: [{ table: 'temps', processor: 'a', rows: [{ t: 1 }, { t: 2 }] }],
  });
  const one = await records('${{ outputs.a.one }}');
  assert.deepEqual(typeof one === 'object' && one.rows?.[0]?.rows, [{ t: 3 }]);
  assert.equal(
    await records('${{ outputs.a.bad }}'),
    'bad-output: outputs.records of table temps wants a list of objects, and one row of ${{ outputs.a.bad }} is the number 2',
  );
  assert.match(String(await records('${{ outputs.a.none }}')), /^bad-expression: /);
  assert.match(
    String(await records('${{ outputs.a.unnamed }}')),
    /^bad-output: The records for table "temps" have a column "", which cannot be the name of one/,
  );
});

test('what is kept holds no marks: files by their place, secrets not at all', async () => {
  const give = { a: { files: [await stored('x.png', 'x')] } };
  const outputs = {
    files: { 'index.txt': 'see ${{ files.a["x.png"] }}' },
    records: [{ table: 't', rows: '${{ [{"file": files.a["x.png"].path}] }}' }],
  };
  const said = await left([{ name: 'a' }], give, outputs);
  assert.ok(typeof said === 'object');
  assert.equal(said.kept[0]![3], 'see a/x.png');
  assert.deepEqual(said.rows![0]!.rows, [{ file: 'a/x.png' }]);
});

test('a store that is full fails the end of the run, clearly', async () => {
  files.putBytes = async () => {
    const { FileStoreError } = await import('../../files/file-store.ts');
    throw new FileStoreError('full', 'The file store is full.');
  };
  assert.equal(
    await left([{ name: 'a' }], {}, { files: { 'x.txt': 'text' } }),
    'file-full: The file store is full',
  );
});
