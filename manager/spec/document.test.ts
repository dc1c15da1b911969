import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errorsOf, testRefusals, withProcessors } from './fixtures/refusals.ts';

describe('YAML that cannot be plain values is refused', () => {
  testRefusals([
    [
      'a star without quotes',
      withProcessors('a: { run: *.log }'),
      [
        'p.yaml:3:13: there is no anchor "&.log" above this alias "*.log". Put text that starts with * in quotes.',
      ],
    ],
    [
      'an alias in its own anchor',
      withProcessors('a: &a { run: x, needs: *a }'),
      ['p.yaml:3:26: the alias "*a" stands inside its own anchor.'],
    ],
    [
      'a merge of text',
      withProcessors('a: { <<: x, run: y }'),
      ['p.yaml:3:8: the merge key "<<" takes a map, or a list of maps. Write for example <<: *common.'],
    ],
    [
      'a duplicate key',
      withProcessors('a:', '  run: x', '  run: y'),
      [
        'p.yaml:5:5: duplicate key "run" in processor "a"; the first is at line 4, column 5. Remove or rename one.',
      ],
    ],
    [
      'a duplicate processor',
      withProcessors('a: { run: x }', 'b: { run: x }', 'a: { run: y }'),
      ['p.yaml:5:3: duplicate processor "a"; the first is at line 3, column 3. Remove or rename one.'],
    ],
    [
      'a dangerous key',
      withProcessors('a: { run: x, env: { __proto__: x } }'),
      ['p.yaml:3:23: the key "__proto__" is not allowed. Choose another name.'],
    ],
    [
      'a map as a key',
      withProcessors('a: { run: x }', '? [b]', ': { run: x }'),
      ['p.yaml:4:5: a key must be text.'],
    ],
  ]);
});

test('a bomb of aliases', async () => {
  const lines = [
    'a: &a0 { run: x }',
    'b:',
    '  uses: noop',
    '  with:',
    '    k0: &k0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]',
  ];
  for (let level = 1; level < 30; level++) {
    lines.push(
      `    k${level}: &k${level} [${Array(9)
        .fill(`*k${level - 1}`)
        .join(', ')}]`,
    );
  }
  assert.deepEqual(await errorsOf(withProcessors(...lines)), [
    'p.yaml:13:36: aliases would add more than 16 MiB to this file. Write the repeated part once.',
  ]);
});

test('maps and lists nested without end', async () => {
  const deep = withProcessors(`a: { uses: noop, with: { x: ${'['.repeat(200)}${']'.repeat(200)} } }`);
  assert.deepEqual(await errorsOf(deep), ['p.yaml:3:127: maps and lists are nested more than 100 deep.']);
  const chain = Array.from({ length: 200 }, (_, i) => (i === 0 ? '&a0 []' : `&a${i} [*a${i - 1}]`));
  const [first] = await errorsOf(withProcessors(`a: { uses: noop, with: { x: [${chain.join(', ')}] } }`));
  assert.match(first!, /aliases nest maps and lists more than 100 deep/);
  const indented = Array.from({ length: 2700 }, (_, i) => `${' '.repeat(i)}a:`).join('\n');
  assert.match((await errorsOf(indented)).join(), /^p\.yaml:\d+:\d+: maps and lists are nested too deep\.$/);
});

test('4 MiB of brackets, and of what is no YAML', async () => {
  const size = 4 * 1024 * 1024 - 100;
  for (const part of ['[', '[{', '{a: ', '? ', '- [']) {
    const [error] = await errorsOf(withProcessors(`a: ${part.repeat(Math.floor(size / part.length))}`));
    assert.match(error!, /nested too deep/, part);
  }
  // The second pair of brackets is no YAML any more.
  const errors = await errorsOf('[]'.repeat(size / 2));
  assert(errors.length > 0);
});
