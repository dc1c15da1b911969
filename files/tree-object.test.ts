import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { problem } from './file-store.conformance.ts';
import { encodeTree, parseTree } from './tree-object.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

const HASH = 'a'.repeat(64);

test('a tree object from elsewhere is read only when it is one', async () => {
  const head = 'wiz-tree 1\n';
  const file = (name: string, size = '1') => `file ${HASH} ${size} ${name}\0`;
  assert.deepEqual(parseTree(Buffer.from(head)), []);
  assert.deepEqual(
    parseTree(Buffer.from(head + file('a') + file('b c '))).map(({ name }) => name),
    ['a', 'b c '],
  );
  const wrong = [
    '',
    'wiz-tree 2\n',
    head + file('a').slice(0, -1),
    head + file('b') + file('a'),
    head + file('a') + file('a'),
    `${head}${file('a')}link x\0a\0`,
    ...['', '.', '..', 'a/b', '/', '../x', 'x'.repeat(256)].map((name) => head + file(name)),
    ...['01', '-1', '1e3', '', '1.5', ' 1', '99999999999999999', '9007199254740993'].map(
      (size) => head + file('a', size),
    ),
    `${head}file ${HASH.toUpperCase()} 1 a\0`,
    `${head}file ../../etc/passwd 1 a\0`,
    `${head}device ${HASH} 1 a\0`,
    `${head}constructor ${HASH} 1 a\0`,
    `${head}folder ${HASH} 1 a\0`,
    `${head}link /etc/passwd\0a\0`,
    `${head}link x/../../y\0a\0`,
    `${head}link \0a\0`,
    `${head}link x\0`,
    `${head}${file('a', '9007199254740991')}${file('b', '1')}`,
  ];
  for (const text of wrong)
    assert.throws(() => parseTree(Buffer.from(text)), problem('unsafe'), JSON.stringify(text));
  const notText = Buffer.concat([Buffer.from(`${head}file ${HASH} 1 `), Buffer.from([0xff, 0])]);
  assert.throws(() => parseTree(notText), problem('unsafe'));
  assert.throws(() => parseTree(Buffer.from(`${head}folder ${HASH} 0 999999999 a\0`)), problem('too-large'));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const tree of [bytes, Buffer.concat([Buffer.from(head), bytes])]) {
        try {
          assert.deepEqual(Buffer.from(encodeTree(parseTree(tree))), Buffer.from(tree));
        } catch (error) {
          problem('unsafe')(error);
        }
      }
    }),
  );
});
