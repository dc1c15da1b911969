import assert from 'node:assert/strict';
import { fileMark, secretMark } from '../../proto/marks.ts';
import type { JsonValue } from '../spec/spec.ts';
import { evaluateText } from './evaluate.ts';
import { ExpressionFailure, type FileValue, type Scope } from './expressions.ts';

const hash = 'ab'.repeat(32);
export const file: FileValue = {
  name: 'a b.png',
  hash,
  size: 3,
  folder: false,
  mediaType: 'image/png',
  path: fileMark({ hash, size: 3, folder: false, place: 'draw/a b.png' }),
};

export const scope: Scope = {
  params: { width: 5, ratio: 0.5, name: 'wiz', big: 2 ** 60, empty: '' },
  context: { TEAM: 'platform' },
  outputs: {
    list: { text: 'a\nb\n', lines: ['a', 'b'] },
    skipped: null,
    numbers: [3, 1, 2.5],
    'with-dash': 1,
    users: [
      { name: 'Ann', age: 40 },
      { name: 'Bob', age: 30, 'e-mail': 'b@x' },
    ],
  },
  files: { draw: { 'a b.png': file } },
  run: { id: 'R', pipeline: 'p', date: '2026-03-29', time: '02:30:00', datetime: '2026-03-29T02:30:00Z' },
  state: {},
  secrets: { TOKEN: secretMark('TOKEN') },
  item: { name: 'n', count: 4 },
  index: 3,
};

export function valueIn(expression: string, other: Partial<Scope> = {}): JsonValue {
  return evaluateText(`\${{ ${expression} }}`, { ...scope, ...other });
}

export function failureOf(expression: string, other: Partial<Scope> = {}): string {
  try {
    valueIn(expression, other);
  } catch (error) {
    assert.ok(error instanceof ExpressionFailure, String(error));
    assert.equal(error.reason, 'bad-expression');
    return error.message;
  }
  assert.fail(`${expression} has a value`);
}

/** Each expression is true. */
export function holds(...expressions: string[]): void {
  for (const expression of expressions) assert.equal(valueIn(expression), true, expression);
}
