import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainPaint } from './paint.ts';
import { recordOf, tableWriter } from './records.ts';

test('records as a table: numbers to the right, long values cut, later rows as they come', () => {
  const writer = tableWriter(plainPaint);
  const text = [
    writer.head(['city', 'n']),
    writer.rows([
      ['Bern\nCH', 5],
      ['日本', null],
    ]),
    writer.rows([['x'.repeat(100), 12_345]]),
    writer.end(),
  ].join('');
  assert.deepEqual(text.split('\n'), ['city     n', 'Bern CH  5', '日本', `${'x'.repeat(59)}…  12345`, '']);
});

test('no rows are a table with its head', () => {
  const writer = tableWriter(plainPaint);
  assert.equal(writer.head(['a', 'bc']) + writer.end(), 'a  bc\n');
});

test('digits of a whole number beyond 2^53 stay; a text with digits is a text', () => {
  const row = recordOf('[12345678901234567890,"12345678901234567890",1.5,0.1234567890123456]');
  assert.equal(JSON.stringify(row), '[12345678901234567890,"12345678901234567890",1.5,0.1234567890123456]');
});
