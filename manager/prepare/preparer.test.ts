import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import { createdEvent, type ProcessorSketch, pipeline } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import type { JsonValue } from '../spec/spec.ts';
import { argvOf, call, data, json, newPlace, optionsOf, program } from './preparer.fixture.ts';

let place: ReturnType<typeof newPlace>;
beforeEach(() => {
  place = newPlace();
});
const run: typeof place.run = (...story) => place.run(...story);

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
  const bytes = data({ case: 'bytes', value: new Uint8Array([255]) });
  assert.equal(await items('${{ outputs.list }}', bytes), 'Failed bad-list');
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

test('what is in memory is answered at once', async () => {
  await run([{ name: 'a', action: call({ x: '${{ 1 }}' }) }]);
  const created = createdEvent(
    pipeline([
      { name: 'b', action: call({ x: '${{ 2 }}' }) },
      { name: 'c', each: [1] },
    ]),
  );
  const machine = newRunMachine(created, 'manager', 1);
  const answers = place.preparer.prepare(machine, [...machine.due]);
  assert.deepEqual(
    answers.map((answer) => (answer instanceof Promise ? 'later' : answer.kind)),
    ['start', 'expand'],
  );
});
