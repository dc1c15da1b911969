import { ANY, BOOLEAN, INTEGER, listOf, NUMBER, TEXT, type Type } from './expression-types.ts';

/** What functions give, and what their first argument must be where that is one thing. */
export const RESULTS: Record<string, { gives?: Type; takes?: readonly Type['kind'][] }> = {
  size: { gives: INTEGER, takes: ['text', 'list', 'map'] },
  contains: { gives: BOOLEAN, takes: ['text'] },
  startsWith: { gives: BOOLEAN, takes: ['text'] },
  endsWith: { gives: BOOLEAN, takes: ['text'] },
  matches: { gives: BOOLEAN, takes: ['text'] },
  indexOf: { gives: INTEGER, takes: ['text'] },
  lastIndexOf: { gives: INTEGER, takes: ['text'] },
  replace: { gives: TEXT, takes: ['text'] },
  substring: { gives: TEXT, takes: ['text'] },
  trim: { gives: TEXT, takes: ['text'] },
  charAt: { gives: TEXT, takes: ['text'] },
  format: { gives: TEXT, takes: ['text'] },
  lowerAscii: { gives: TEXT, takes: ['text'] },
  upperAscii: { gives: TEXT, takes: ['text'] },
  basename: { gives: TEXT, takes: ['text'] },
  split: { gives: listOf(TEXT), takes: ['text'] },
  json: { takes: ['text'] },
  join: { gives: TEXT, takes: ['list'] },
  sum: { takes: ['list'] },
  flatten: { gives: listOf(ANY), takes: ['list'] },
  keys: { gives: listOf(ANY), takes: ['map'] },
  values: { gives: listOf(ANY), takes: ['map'] },
  range: { gives: listOf(INTEGER), takes: ['integer', 'number'] },
  toJson: { gives: TEXT },
  string: { gives: TEXT, takes: ['text', 'integer', 'number', 'boolean', 'null'] },
  int: { gives: INTEGER, takes: ['text', 'integer', 'number'] },
  double: { gives: NUMBER, takes: ['text', 'integer', 'number'] },
  bool: { gives: BOOLEAN, takes: ['text', 'boolean'] },
};

/** What the parser writes out as loops. */
export const MACROS = new Set(['map', 'filter', 'all', 'exists', 'exists_one']);

export function isOperator(name: string): boolean {
  return /^[_@!-]/.test(name);
}
