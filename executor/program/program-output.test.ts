import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { FileStore } from '../../files/file-store.ts';
import { readContextFile, readOutputFile } from './program-output.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-output-'));
test.after(() => fs.rmSync(folder, { recursive: true, force: true }));

function fileWith(content: string | Uint8Array): string {
  const file = path.join(folder, 'written');
  fs.writeFileSync(file, content);
  return file;
}

// Small values never go there.
const noStore = {} as FileStore;

function read(file: string) {
  const output = readOutputFile(file, noStore);
  assert.ok(!(output instanceof Promise));
  return output;
}

const outputOf = (content: string | Uint8Array) => read(fileWith(content))?.data?.value.value;

test('JSON is kept as it was written', () => {
  for (const json of ['{"a":1}', ' [1,\n2]\n', '42', '"text"', 'true', 'null'])
    assert.equal(outputOf(json), json);
  assert.equal(outputOf('\uFEFF{"a":1}'), '{"a":1}');
});

test('key=value lines become an object of strings', () => {
  assert.deepEqual(JSON.parse(outputOf('a=1\r\nb-c.d=x=y\n\n_e=\n') as string), {
    a: '1',
    'b-c.d': 'x=y',
    _e: '',
  });
});

test('nothing but white space is no output; no file neither', () => {
  assert.equal(read(fileWith(' \n')), undefined);
  assert.equal(read(path.join(folder, 'none')), undefined);
  assert.deepEqual(readContextFile(path.join(folder, 'none')), {});
});

test('mistakes are told with their line', () => {
  const cases: [string | Uint8Array, string, RegExp][] = [
    ['{"a": 1,\n"b": }', 'bad-output', /line 2 is not right JSON/],
    ['[1, 2', 'bad-output', /line 1 is not right JSON/],
    ['a=1\nhello world\n', 'bad-output', /line 2 is "hello world"; write one JSON document/],
    ['1a=2', 'bad-output', /line 1/],
    [new Uint8Array([97, 255]), 'bad-output', /not UTF-8/],
  ];
  for (const [content, reason, message] of cases) {
    assert.throws(() => read(fileWith(content)), { reason, message });
  }
  assert.throws(() => read(folder), { reason: 'bad-output', message: /not a file any more/ });
});

test('context names are those of environment variables, and not those of wiz', () => {
  assert.deepEqual(readContextFile(fileWith('A_1=x\n_b=\n')), { A_1: 'x', _b: '' });
  for (const line of ['a-b=1', 'A B=1', 'WIZ_RUN_ID=1', '=1', 'A', 'A=\0']) {
    assert.throws(() => readContextFile(fileWith(`OK=1\n${line}\n`)), {
      reason: 'bad-context',
      message: /line 2/,
    });
  }
});
