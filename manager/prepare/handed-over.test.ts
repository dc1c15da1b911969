import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { toBinary } from '@bufbuild/protobuf';
import { type Data, DataForm, DataSchema, type File } from '../../proto/gen/wiz/v1/data_pb.js';
import { fileMark, secretMark } from '../../proto/marks.ts';
import { argvOf, call, data, json, newPlace, optionsOf, program } from './preparer.fixture.ts';

let place: ReturnType<typeof newPlace>;
beforeEach(() => {
  place = newPlace();
});
const run: typeof place.run = (...story) => place.run(...story);
const stored: typeof place.stored = (...file) => place.stored(...file);

test('files are marks, and given to the executor with the task', async () => {
  const report = await stored('out/report.txt', 'report');
  const { given } = await run(
    [
      { name: 'make' },
      { name: 'needs', needs: ['make'], action: program('cat', '${{ files.make["out/report.txt"] }}') },
      { name: 'far', needs: ['needs'], action: call({ path: '${{ files.make["out/report.txt"] }}' }) },
      { name: 'plain', needs: ['make'], when: 'true' },
      {
        name: 'each',
        needs: ['make'],
        each: '${{ files.make }}',
        action: program('cat', '${{ item.value }}'),
      },
    ],
    { give: { make: { files: [report] } } },
  );
  const { hash, size } = report;
  const mark = fileMark({ hash, size, folder: false, place: 'make/out/report.txt' });
  assert.deepEqual(argvOf(given.needs!), ['cat', mark]);
  assert.deepEqual(given.needs!.inputs, [report]);
  assert.deepEqual(given.needs!.needs, [
    { $typeName: 'wiz.v1.NeedResult', processor: 'make', files: [report], instances: false },
  ]);
  assert.deepEqual(optionsOf(given.far!), { path: mark });
  assert.deepEqual(
    given.far!.inputs.map(({ name, hash }) => [name, hash]),
    [['out/report.txt', hash]],
  );
  assert.deepEqual(given.plain!.inputs, [report]);
  assert.deepEqual(argvOf(given['each[0]']!), ['cat', mark]);
  assert.deepEqual(
    given['each[0]']!.inputs.map(({ name, hash }) => [name, hash]),
    [['out/report.txt', hash]],
  );
});

test('files of instances are named by their index', async () => {
  const [zero, one] = [await stored('a.txt', 'zero'), await stored('a.txt', 'one')];
  const { given } = await run(
    [
      { name: 'each', each: [0, 1] },
      { name: 'after', needs: ['each'], action: program('cat', '${{ files.each["1/a.txt"] }}') },
    ],
    { give: { 'each[0]': { files: [zero] }, 'each[1]': { files: [one] } } },
  );
  const mark = fileMark({ hash: one.hash, size: 3, folder: false, place: 'each/1/a.txt' });
  assert.deepEqual(argvOf(given.after!), ['cat', mark]);
  assert.deepEqual(
    given.after!.needs[0]!.files.map(({ name }) => name),
    ['0/a.txt', '1/a.txt'],
  );
});

test('values that are files are read where an expression looks at them, once', async () => {
  const value = { big: 'x'.repeat(1000) };
  const asFile = async (content: string | Uint8Array, form: DataForm) =>
    data({ case: 'file', value: await stored('output', content) }, form);
  const look = async (output: Data) => {
    const { given } = await run(
      [
        { name: 'big' },
        { name: 'look', needs: ['big'], action: call({ got: '${{ outputs.big }}' }) },
        { name: 'too', needs: ['big'], action: call({ got: '${{ outputs.big }}' }) },
      ],
      { give: { big: { output } } },
    );
    assert.equal(given.look!.needs[0]!.output, output, 'handed on as it is');
    assert.deepEqual(given.look!.inputs, [output.value.value]);
    return optionsOf(given.look!).got;
  };
  assert.deepEqual(await look(await asFile(JSON.stringify(value), DataForm.JSON)), value);
  assert.equal(place.files.reads, 1);
  assert.deepEqual(await look(await asFile('a\nb\n', DataForm.TEXT)), { text: 'a\nb\n', lines: ['a', 'b'] });
  assert.deepEqual(await look(await asFile('a\nb\n', DataForm.LINES)), ['a', 'b']);
  assert.deepEqual(await look(await asFile('', DataForm.LINES)), []);
  assert.deepEqual(await look(await asFile(new Uint8Array([255]), DataForm.BYTES)), {
    base64: '/w==',
    mediaType: 'text/plain',
  });
  const message = toBinary(DataSchema, json({ deep: [1] }));
  assert.deepEqual(await look(await asFile(message, DataForm.PROTOBUF)), { deep: [1] });
});

test('a value too large to look at, or gone, is a clear failure; not looked at it is neither', async () => {
  const gone = data(
    { case: 'file', value: { ...(await stored('output', 'x')), hash: 'f'.repeat(64) } },
    DataForm.JSON,
  );
  const large = data(
    { case: 'file', value: { ...(await stored('output', 'x')), size: 2 ** 30 } },
    DataForm.JSON,
  );
  const look = (output: Data) =>
    run(
      [
        { name: 'big' },
        { name: 'pass', needs: ['big'], when: 'true' },
        { name: 'look', needs: ['big'], action: call({ got: '${{ outputs.big }}' }) },
      ],
      { give: { big: { output } } },
    );
  const first = await look(large);
  assert.deepEqual(first.standing, { big: 'Succeeded', pass: 'Succeeded', look: 'Failed too-large' });
  assert.equal(
    first.message,
    'an expression uses a value of 1024 MiB, and 64 MiB is the most; hand it on as a file',
  );
  assert.equal((await look(gone)).standing.look, 'Failed file-absent');
});

test('outputs of instances that are too large together are known to be before they are read', async () => {
  const file = await stored('output', 'x');
  const part = data({ case: 'file', value: { ...file, size: 2 ** 24 } }, DataForm.TEXT);
  const { standing, message } = await run(
    [
      { name: 'each', each: [0, 1, 2] },
      { name: 'look', needs: ['each'], action: call({ got: '${{ outputs.each[0] }}' }) },
    ],
    { give: { 'each[0]': { output: part }, 'each[1]': { output: part }, 'each[2]': { output: part } } },
  );
  assert.equal(standing.look, 'Failed too-large');
  assert.match(message!, /uses a value of 96 MiB, and 64 MiB is the most/);
});

test('many outputs are joined into a file, and read back where they are looked at', async () => {
  const text = 'x'.repeat(100_000);
  const { given } = await run(
    [
      { name: 'each', each: [0, 1, 2, 3] },
      { name: 'join', needs: ['each'], action: call({ n: '${{ size(outputs.each[3]) }}' }) },
    ],
    {
      give: {
        'each[0]': { output: json(text) },
        'each[1]': {
          output: data({ case: 'file', value: await stored('output', `"${text}"`) }, DataForm.JSON),
        },
        'each[2]': {
          output: data({ case: 'file', value: await stored('output', 'l1\nl2') }, DataForm.LINES),
        },
        'each[3]': { output: json(text) },
      },
    },
  );
  assert.deepEqual(optionsOf(given.join!), { n: 100_000 });
  const { output } = given.join!.needs[0]!;
  assert.equal(output!.form, DataForm.JSON);
  const { hash } = output!.value.value as File;
  assert.deepEqual(JSON.parse(place.files.objects.get(hash)!.toString()), [text, text, ['l1', 'l2'], text]);
  assert.deepEqual(
    given.join!.inputs.map(({ name }) => name),
    ['output.json'],
  );
});

test('secrets are marks; only those that the definition names are handed over', async () => {
  const secrets = { TOKEN: { env: 'MY_TOKEN' }, KEY: { file: '/key' }, PASS: { command: ['pass', 'x'] } };
  const { given } = await run(
    [
      { name: 'out' },
      {
        name: 'use',
        needs: ['out'],
        secrets: ['KEY'],
        action: call({ header: 'Bearer ${{ secrets.TOKEN }}', data: '${{ outputs.out }}' }),
      },
    ],
    { give: { out: { output: json('harmless') } } },
    { secrets },
  );
  assert.equal(optionsOf(given.use!).header, `Bearer ${secretMark('TOKEN')}`);
  assert.deepEqual(
    given.use!.secrets.map(({ name, source, exposed }) => [name, source.case, source.value, exposed]),
    [
      ['KEY', 'file', '/key', true],
      ['TOKEN', 'environment', 'MY_TOKEN', false],
    ],
  );
});

test('data that would pass for a mark is refused', async () => {
  for (const mark of [
    secretMark('TOKEN'),
    fileMark({ hash: 'a'.repeat(64), size: 1, folder: false, place: 'a/b' }),
  ]) {
    const { standing } = await run(
      [{ name: 'out' }, { name: 'use', needs: ['out'], action: program('echo', '${{ outputs.out.x }}') }],
      { give: { out: { output: json({ x: mark }) } } },
      { secrets: { TOKEN: { env: 'T' } } },
    );
    assert.equal(standing.use, 'Failed bad-value');
  }
});
