import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errorsOf, parse, testRefusals, withProcessors } from './fixtures/refusals.ts';

const PARAMS =
  'params: { hosts: { type: json, required: false }, host: x, deep: true, n: { enum: [1, 2] } }\n';

describe('when, each and matrix are refused', () => {
  testRefusals([
    [
      'as texts that are no expression',
      withProcessors(
        'a: { run: x, each: outputs.list.lines }',
        'b: { run: x, matrix: { n: "x ${{ [1] }}", m: [1] } }',
        'c: { run: x, when: yes }',
        'd: { run: x, when: "${{ 1 }} > 0" }',
      ),
      [
        'p.yaml:3:22: "each" of processor "a" must be a list or one expression, not "outputs.list.lines". Write ${{ outputs.list.lines }}.',
        'p.yaml:4:29: "matrix.n" of processor "b" must be a list or one expression, not "x ${{ [1] }}". Write it all in one ${{ … }}.',
        'p.yaml:5:22: "when" of processor "c" must be true, false or one expression, not "yes". Write ${{ yes }}.',
        'p.yaml:6:22: "when" of processor "d" must be true, false or one expression, not "${{ 1 }} > 0". Write it all in one ${{ … }}.',
      ],
    ],
    [
      'as macros that cannot be what is wanted',
      PARAMS +
        withProcessors(
          'a: { run: x, each: "${HOST}" }',
          'b: { run: x, matrix: { n: "${DATE}" } }',
          'c: { run: x, when: "${N}" }',
          'd: { run: x, when: "${DEEP} && true" }',
        ),
      [
        'p.yaml:4:22: "each" of processor "a" must be a list or one expression; the param of ${HOST} is of type string. Give the param the type json, or write an expression.',
        'p.yaml:5:29: "matrix.n" of processor "b" must be a list or one expression; ${DATE} is a text.',
        'p.yaml:6:22: "when" of processor "c" must be true, false or one expression; the param of ${N} is of type number. Give the param the type boolean, or write an expression.',
        'p.yaml:7:22: "when" of processor "d" must be true, false or one expression, not "${DEEP} && true". Write it all in one ${{ … }}, with params.NAME for a param.',
      ],
    ],
    [
      'with more instances than there may be',
      withProcessors(
        `a: { run: x, matrix: { ${['a', 'b', 'c'].map((key) => `${key}: [${'1,'.repeat(101)}]`)} } }`,
      ),
      ['p.yaml:3:16: "matrix" of processor "a" gives 1030301 instances; 1000000 is the most.'],
    ],
    [
      'with names that item.NAME cannot have',
      withProcessors('a: { run: x, matrix: { a b: [1] } }'),
      [
        'p.yaml:3:26: the name "a b" in "matrix" of processor "a" must start with a letter, and hold only letters, digits, "_" and "-" (at most 100).',
      ],
    ],
  ]);
});

test('one expression may stand in a block, and one macro for a param of the type', async () => {
  const text = `${PARAMS}${withProcessors(
    'a: { run: x, each: "${HOSTS}", when: "${DEEP}" }',
    'b:',
    '  run: x',
    '  when: |',
    '    ${{ params.deep }}',
    '  matrix:',
    '    z: [3.10, "3.10"]',
    '    a: >',
    '      ${{ params.hosts }}',
    'c: { run: x, when: true }',
    'd: { run: x, when: "false" }',
  )}`;
  assert.deepEqual(await errorsOf(text), []);
  const [a, b, c, d] = (await parse(text))[0]!.spec.processors;
  assert.deepEqual([a!.each, a!.when], ['${HOSTS}', '${DEEP}']);
  assert.equal(b!.when, '${{ params.deep }}');
  assert.deepEqual(Object.entries(b!.matrix!), [
    ['z', [3.1, '3.10']],
    ['a', '${{ params.hosts }}'],
  ]);
  assert.deepEqual([c!.when, d!.when], [null, 'false']);
});
