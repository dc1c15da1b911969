import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsOf } from './fixtures/refusals.ts';

test('bytes that are no text', async () => {
  const bytes = (...values: number[]) => errorsOf(new Uint8Array(values));
  assert.deepEqual(await bytes(0x7f, 0x45, 0x4c, 0x46, 10, 120, 0), [
    'p.yaml:2:2: there is a NUL byte; this is not a text file. Is it the right file?',
  ]);
  assert.deepEqual(await bytes(97, 10, 0xc3, 0xa9, 98, 0xff), [
    'p.yaml:2:3: the text is not valid UTF-8. Save the file as UTF-8.',
  ]);
  assert.deepEqual(await bytes(0xff, 0xfe, 97, 0), [
    'p.yaml:1:1: the file is UTF-16; a pipeline file is UTF-8. Save it as UTF-8.',
  ]);
});

test('a file of 5 MB', async () => {
  assert.deepEqual(await errorsOf('# '.repeat(2_500_000)), [
    'p.yaml:1:1: the file has 4.8 MiB; a pipeline file has at most 4 MiB. Is it the right file?',
  ]);
});
