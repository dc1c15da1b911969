import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { toBinary } from '@bufbuild/protobuf';
import { type Data, DataForm, DataSchema, type File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { fileMark, secretMark } from '../../proto/marks.ts';
import type { ReadyAction } from '../engine/preparation.ts';
import { createdEvent, type ProcessorSketch, pipeline, standing } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import type { JsonValue, PipelineSpec, ProcessorSpec } from '../spec/spec.ts';
import { drive } from './drive.fixture.ts';
import { MemoryFiles, MemoryStore } from './memory.fixture.ts';
import { createPreparer, type Preparer } from './preparer.ts';

let files: MemoryFiles;
let preparer: Preparer;
beforeEach(() => {
  files = new MemoryFiles();
  preparer = createPreparer({
    store: new MemoryStore(),
    files: files.asFileStore(),
    environment: {},
    executorsAreLocal: () => true,
    note: (message) => assert.fail(message),
  });
});

const data = (value: Data['value'], form = DataForm.UNSPECIFIED): Data => ({
  $typeName: 'wiz.v1.Data',
  value,
  mediaType: '',
  form,
});
const json = (value: JsonValue) => data({ case: 'json', value: JSON.stringify(value) });
const call = (options: Record<string, JsonValue>): ProcessorSpec['action'] => ({
  kind: 'call',
  uses: 'noop',
  with: options,
});
const program = (...argv: string[]): ProcessorSpec['action'] => ({ kind: 'program', argv });

async function stored(name: string, content: string | Uint8Array, folder = false): Promise<File> {
  const { hash, size } = await files.putBytes(Buffer.from(content));
  return { $typeName: 'wiz.v1.File', name, hash, size, mediaType: 'text/plain', folder };
}

interface Story {
  params?: Record<string, JsonValue>;
  context?: Record<string, string>;
  /** What processors and instances give, by name. */
  give?: Record<string, Partial<Report>>;
}

/** Runs to the end; what each task was given, by name. */
async function run(sketches: ProcessorSketch[], story: Story = {}, rest: Partial<PipelineSpec> = {}) {
  const created = createdEvent(pipeline(sketches, rest));
  const { params = {}, context = {}, give = {} } = story;
  Object.assign(created.event.value!, { paramsJson: JSON.stringify(params), context });
  const machine = newRunMachine(created, 'manager', 1);
  const given: Record<string, ReadyAction> = {};
  await drive(machine, preparer, (task, action) => {
    given[task.name] = action;
    return give[task.name] ?? {};
  });
  const messages = machine.graph.mapNodes((_, node) => node.message);
  return { given, machine, standing: standing(machine), message: messages.find((text) => text !== '') ?? '' };
}

const argvOf = ({ action }: ReadyAction) => (action.case === 'program' ? action.value.argv : []);
const optionsOf = ({ action }: ReadyAction) =>
  action.case === 'call' ? JSON.parse(action.value.withJson) : undefined;

test('expressions in every place see params, context, outputs and the run', async () => {
  const { given } = await run(
    [
      { name: 'a', action: call({}) },
      {
        name: 'call',
        needs: ['a'],
        action: call({ n: '${{ outputs.a.n + params.more }}', deep: { list: ['${{ context.K }}', 1] } }),
        env: { SEEN: 'n is ${{ outputs.a.n }}' },
      },
      { name: 'program', needs: ['call'], action: program('echo', '${{ outputs.a.list }}', '${{ run.id }}') },
      {
        name: 'script',
        needs: ['a'],
        action: { kind: 'script', shell: 'bash', text: 'echo ${{ outputs.a.odd }} $HOME' },
      },
    ],
    {
      params: { more: 2 },
      context: { K: 'v' },
      give: { a: { output: json({ n: 1, list: [1, 'two'], odd: "it's; rm" }) } },
    },
  );
  assert.deepEqual(optionsOf(given.call!), { n: 3, deep: { list: ['v', 1] } });
  assert.deepEqual(given.call!.environment, { SEEN: 'n is 1' });
  assert.equal(given.call!.inputJson, '{"params":{"more":2},"context":{"K":"v"}}');
  assert.deepEqual(argvOf(given.program!), ['echo', '[1,"two"]', 'run']);
  const { action } = given.script!;
  assert.ok(
    action.case === 'script' && action.value.text.endsWith(' $HOME'),
    'what is no expression is left',
  );
  assert.ok(action.case === 'script' && !action.value.text.includes(" it's; rm "), 'a value is no code');
});

test('when: what is not wanted is skipped, and what depends on it', async () => {
  const story = { params: { go: false }, give: { a: { output: json({ ok: true }) } } };
  const sketches: ProcessorSketch[] = [
    { name: 'a' },
    { name: 'no', needs: ['a'], when: '${{ params.go }}' },
    { name: 'after', needs: ['no'] },
    { name: 'anyway', needs: ['no'], rule: 'all-done' },
    { name: 'yes', needs: ['a'], when: '${{ outputs.a.ok && !params.go }}' },
    { name: 'literal', when: 'true' },
  ];
  const { standing, machine } = await run(sketches, story);
  assert.equal(standing.no, 'Idle skipped');
  assert.equal(standing.after, 'Idle skipped');
  assert.equal(standing.anyway, 'Succeeded');
  assert.equal(standing.yes, 'Succeeded');
  assert.equal(standing.literal, 'Succeeded');
  assert.equal(machine.graph.getNodeAttributes('no').message, 'when ${{ params.go }} is false');
});

test('when must be true or false', async () => {
  const { standing, message } = await run([{ name: 'a', when: '${{ 1 + 1 }}' }]);
  assert.equal(standing.a, 'Failed bad-expression');
  assert.equal(message, 'when must be true or false, and ${{ 1 + 1 }} is the number 2');
});

test('each: instances have their item; those after them see the list in order', async () => {
  const { given } = await run(
    [
      { name: 'list' },
      { name: 'other' },
      {
        name: 'work',
        needs: ['list', 'other'],
        each: '${{ outputs.list.names }}',
        action: program('work', '${{ item }}', '${{ index }}', '${{ outputs.other }}'),
      },
      { name: 'join', needs: ['work'], action: call({ all: '${{ outputs.work }}' }) },
    ],
    {
      give: {
        list: { output: json({ names: ['x', 'y'] }) },
        other: { output: json(7) },
        'work[0]': { output: json('from x') },
      },
    },
  );
  assert.deepEqual(argvOf(given['work[1]']!), ['work', 'y', '1', '7']);
  assert.equal(given['work[1]']!.inputJson, '{"params":{},"context":{},"item":"y","index":1}');
  assert.deepEqual(
    given['work[0]']!.needs.map(({ processor }) => processor),
    ['other'],
    'its item is its share of the list',
  );
  assert.deepEqual(optionsOf(given.join!), { all: ['from x', null] });
  assert.deepEqual(given.join!.needs[0]!.output!.value, { case: 'json', value: '["from x",null]' });
});

test('each over lists of every kind', async () => {
  const items = async (each: JsonValue, output?: Data) => {
    const { given, standing } = await run(
      [{ name: 'list' }, { name: 'work', needs: ['list'], each, action: call({ got: '${{ item }}' }) }],
      { give: { list: { output } } },
    );
    const got = Object.keys(given).filter((name) => name.startsWith('work['));
    return standing.work === 'Succeeded' ? got.map((name) => optionsOf(given[name]!).got) : standing.work;
  };
  assert.deepEqual(await items(['a', 2, { b: 3 }, '${{ 1 + 3 }}']), ['a', 2, { b: 3 }, 4]);
  assert.deepEqual(await items('${{ outputs.list }}', json({ a: 1, b: [2] })), [
    { key: 'a', value: 1 },
    { key: 'b', value: [2] },
  ]);
  assert.deepEqual(await items('${{ outputs.list }}', data({ case: 'text', value: 'one\r\ntwo\n' })), [
    'one',
    'two',
  ]);
  assert.deepEqual(await items([]), []);
  assert.deepEqual(
    await items('${{ outputs.list }}', json(['${{ 1 }}'])),
    ['${{ 1 }}'],
    'data is no expression',
  );
  assert.equal(await items('${{ outputs.list }}', json(5)), 'Failed bad-list');
  assert.equal(await items('${{ outputs.list }}'), 'Failed bad-list');
});

test('what is no list is named', async () => {
  const { message } = await run([{ name: 'work', each: '${{ params.n }}' }], { params: { n: 'five' } });
  assert.equal(message, 'each wants a list, and ${{ params.n }} is the text "five"');
  const many = await run([{ name: 'work', matrix: { a: '${{ params.l }}', b: '${{ params.l }}' } }], {
    params: { l: Array.from({ length: 1001 }, (_, n) => n) },
  });
  assert.equal(many.message, 'matrix gives 1,002,001 instances, and 1,000,000 is the most');
});

test('matrix: the cross product, the first name slowest', async () => {
  const { given } = await run([
    {
      name: 'work',
      matrix: { os: ['linux', 'mac'], n: '${{ [1, 2, 3] }}' },
      action: program('work', '${{ item.os }}', '${{ item.n }}'),
    },
  ]);
  const all = Object.values(given).map((action) => argvOf(action).slice(1).join(' '));
  assert.deepEqual(all, ['linux 1', 'linux 2', 'linux 3', 'mac 1', 'mac 2', 'mac 3']);
});

test('an instance whose expression fails is one failure', async () => {
  const { standing, given, machine } = await run([
    { name: 'work', each: [{ a: 1 }, {}], action: call({ a: '${{ item.a }}' }) },
  ]);
  assert.deepEqual(Object.keys(given), ['work[0]']);
  assert.equal(standing.work, 'Failed instances-failed');
  assert.equal(machine.graph.getNodeAttributes('work').instances!.tasks[1]!.reason, 'bad-expression');
});

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
    { $typeName: 'wiz.v1.NeedResult', processor: 'make', files: [report] },
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
  assert.equal(files.reads, 1);
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
  assert.deepEqual(JSON.parse(files.objects.get(hash)!.toString()), [text, text, ['l1', 'l2'], text]);
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

test('what is in memory is answered at once', async () => {
  await run([{ name: 'a', action: call({ x: '${{ 1 }}' }) }]);
  const created = createdEvent(
    pipeline([
      { name: 'b', action: call({ x: '${{ 2 }}' }) },
      { name: 'c', each: [1] },
    ]),
  );
  const machine = newRunMachine(created, 'manager', 1);
  const answers = preparer.prepare(machine, [...machine.due]);
  assert.deepEqual(
    answers.map((answer) => (answer instanceof Promise ? 'later' : answer.kind)),
    ['start', 'expand'],
  );
});
