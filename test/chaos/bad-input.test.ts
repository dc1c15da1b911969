/** Files that are no pipelines: one clear message, exit 2, and nothing stored. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { newPlace } from '../e2e/place.ts';

const place = newPlace();
after(() => place.leave());

const processors = (...lines: string[]) =>
  `name: x\nprocessors:\n${lines.map((line) => `  ${line}\n`).join('')}`;

const bomb = [
  'name: x',
  'a0: &a0 [x, x, x, x, x, x, x, x, x]',
  ...Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`),
].join('\n');

const FILES: Record<string, [content: string | Buffer, message: RegExp]> = {
  'unknown key': [
    processors('a: { run: x, need: b }'),
    /:3:16: unknown key "need".*\n.*Did you mean "needs"/,
  ],
  'wrong type': [processors('a: { run: [1, 2] }'), /:3:13: "run" of processor "a" must be text, not a list/],
  'duplicate name': [processors('a: { run: x }', 'a: { run: y }'), /:4:3: duplicate processor "a"/],
  'needs of nothing': [
    processors('a: { run: x, needs: b }'),
    /processor "a" needs "b", which does not exist/,
  ],
  cycle: [
    processors('a: { run: x, needs: b }', 'b: { run: x, needs: a }'),
    /in a cycle: a -> b -> a|in a cycle: b -> a -> b/,
  ],
  'empty file': ['', /the file is empty/],
  'text of 5 MB': [processors(`a: { run: "${'x'.repeat(5e6)}" }`), /has at most 4 MiB/],
  binary: [
    Buffer.from(Array.from({ length: 5000 }, (_, n) => (n * 7919) % 256)),
    /not a text file|not valid UTF-8/,
  ],
  'YAML bomb': [bomb, /more than 16 MiB/],
  'deep flow nesting': [processors(`a: { uses: noop, with: { x: ${'['.repeat(1e5)} } }`), /nested too deep/],
  'deep indentation': [
    Array.from({ length: 2500 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'),
    /nested too deep/,
  ],
  'path traversal': [
    'name: ../../x\nprocessors:\n  ../../y: { run: x }\n  ..: { run: x }\n',
    /"name" must start with a letter(.|\n)*the name "\.\.\/\.\.\/y" in "processors"(.|\n)*the name "\.\."/,
  ],
  'names of JavaScript': [
    processors('__proto__: { run: x }', 'constructor: { run: x, needs: toString }'),
    /"__proto__" is not allowed(.|\n)*needs "toString", which does not exist/,
  ],
};

for (const [name, [content, message]] of Object.entries(FILES)) {
  test(name, async () => {
    place.write('bad.yaml', content as string);
    const { code, stdout, stderr } = await place.run(['run', 'bad.yaml']);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, message);
    assert.match(stderr, /^bad\.yaml:/);
  });
}

test('what is no file at all', async () => {
  mkdirSync(join(place.folder, 'folder.yaml'));
  execFileSync('mkfifo', [join(place.folder, 'pipe.yaml')]);
  const wrong = {
    'missing.yaml': 'there is no such file',
    'folder.yaml': 'it is a folder',
    'pipe.yaml': 'it is a pipe that nobody writes to',
  };
  for (const [file, reason] of Object.entries(wrong)) {
    const { code, stderr } = await place.run(['run', file]);
    assert.deepEqual([code, stderr], [2, `wiz: cannot read ${file}: ${reason}\n`]);
  }
});

test('nothing was stored', () => {
  const file = join(place.home, 'wiz.db');
  assert.ok(existsSync(file));
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    for (const table of ['pipelines', 'runs', 'batches']) {
      assert.equal(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n, 0, table);
    }
  } finally {
    db.close();
  }
  assert.ok(!existsSync(join(place.home, 'runs')));
});
