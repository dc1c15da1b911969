import { RE2JS } from '@bufbuild/re2';
import { hasMarks, markedJson } from '../../proto/marks.ts';
import type { JsonValue } from '../spec/spec.ts';
import type { Implementation } from './functions.ts';
import { kindOf, quoted, textOf } from './kinds.ts';
import { charge, chargeText, checkSize, Problem } from './problem.ts';
import { fromJson, KeyedMap, List, toJson, type Value } from './values.ts';

/** Functions of text. Of the library's own, replace takes the square of the length, matches compiles its pattern for
 *  every text, and split with a limit drops what is past it. */

type TextFunction = (text: string, ...rest: Value[]) => Value | undefined;

function onText(implementation: TextFunction): Implementation {
  return (text, ...rest) => {
    if (typeof text !== 'string') return undefined;
    chargeText(text.length);
    return implementation(text, ...rest);
  };
}

/** A search may look at every character of one text for each of the other: then 256 are a step. */
function search(find: (text: string, part: string) => Value): Implementation {
  return onText((text, part, ...rest) => {
    if (typeof part !== 'string' || rest.length > 0) return undefined;
    charge(part.length < 8 ? 0 : Math.ceil((text.length * part.length) / 256));
    return find(text, part);
  });
}

function replace(text: string, part?: Value, by?: Value, limit?: Value): Value | undefined {
  if (typeof part !== 'string' || typeof by !== 'string') return undefined;
  if (limit !== undefined && typeof limit !== 'bigint') return undefined;
  const most = limit === undefined || limit < 0n ? Number.POSITIVE_INFINITY : Number(limit);
  charge(part.length < 8 ? 0 : Math.ceil((text.length * part.length) / 256));
  const pieces = part === '' ? ['', ...characters(text), ''] : text.split(part);
  charge(pieces.length);
  const count = Math.min(most, pieces.length - 1);
  const size = text.length + count * (by.length - part.length);
  checkSize(size);
  chargeText(size);
  if (count === pieces.length - 1) return pieces.join(by);
  return [pieces.slice(0, count + 1).join(by), ...pieces.slice(count + 1)].join(part);
}

/** Whole ones, where split('') takes an emoji apart. */
function characters(text: string): string[] {
  charge(text.length);
  return Array.from(text);
}

function split(text: string, separator?: Value, limit?: Value): Value | undefined {
  if (typeof separator !== 'string' || (limit !== undefined && typeof limit !== 'bigint')) return undefined;
  charge(separator.length < 8 ? 0 : Math.ceil((text.length * separator.length) / 256));
  const pieces = separator === '' ? characters(text) : text.split(separator);
  charge(pieces.length);
  if (limit === undefined || limit < 0n || limit >= BigInt(pieces.length)) return List.of(pieces);
  if (limit === 0n) return List.of([]);
  const first = pieces.slice(0, Number(limit) - 1);
  return List.of([...first, pieces.slice(Number(limit) - 1).join(separator)]);
}

function join(list: Value, separator: Value = ''): Value | undefined {
  if (!(list instanceof List) || typeof separator !== 'string') return undefined;
  let size = 0;
  const texts: string[] = [];
  for (const item of list) {
    if (typeof item !== 'string') {
      throw new Problem(
        `join() takes a list of texts, and an item is ${kindOf(item)}. Try .map(i, string(i)).join().`,
      );
    }
    size += item.length + separator.length;
    checkSize(size);
    texts.push(item);
  }
  chargeText(size);
  return texts.join(separator);
}

/** Compiling takes 60 µs and matching 3, so a pattern in a loop is compiled once. */
const patterns = new Map<string, RE2JS>();

function matches(text: string, pattern?: Value): Value | undefined {
  if (typeof pattern !== 'string') return undefined;
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    if (pattern.length > 1000) throw new Problem('The pattern of matches() is longer than 1000 characters.');
    const repeats = pattern.split('{').length - 1;
    charge(pattern.length * 100 + repeats * 100_000);
    try {
      compiled = RE2JS.compile(pattern);
    } catch (error) {
      throw new Problem(`The pattern ${quoted(pattern)} is wrong: ${(error as Error).message}.`);
    }
    if (patterns.size >= 100) patterns.clear();
    patterns.set(pattern, compiled);
  }
  charge(10 + (text.length >> 1));
  return compiled.test(text);
}

/** Code points, as CEL counts. */
function lengthOf(text: string): bigint {
  chargeText(text.length * 8);
  let count = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    const code = text.charCodeAt(at);
    const next = text.charCodeAt(at + 1);
    if (code >= 0xd800 && code < 0xdc00 && next >= 0xdc00 && next < 0xe000) count--;
  }
  return BigInt(count);
}

/** The last part of a path. That of a file is a mark, which ends with the path and a NUL. */
function basename(path: string): string {
  const plain = path.replace(/\0$/, '').replace(/\/+$/, '');
  return plain.slice(plain.lastIndexOf('/') + 1);
}

function parseJson(text: string): Value {
  charge(text.length >>> 3);
  // What a program gave must not pass for a mark of wiz, see proto/marks.ts.
  if (text.includes('\\u0000') || hasMarks(text))
    throw new Problem('The JSON has a NUL in a text, which cannot be read here.');
  try {
    return fromJson(JSON.parse(text) as JsonValue);
  } catch (error) {
    throw new Problem(`The text ${quoted(text)} is not JSON: ${(error as Error).message}.`);
  }
}

export function toJsonText(value: Value): string {
  const text = markedJson(toJson(value, textOf));
  checkSize(text.length);
  charge(text.length >>> 4);
  return text;
}

export const TEXT_FUNCTIONS: Record<string, Implementation> = {
  size: (value, ...rest) => {
    if (rest.length > 0) return undefined;
    if (typeof value === 'string') return lengthOf(value);
    return value instanceof List || value instanceof KeyedMap ? BigInt(value.size) : undefined;
  },

  contains: search((text, part) => text.includes(part)),
  startsWith: search((text, part) => text.startsWith(part)),
  endsWith: search((text, part) => text.endsWith(part)),
  indexOf: search((text, part) => BigInt(text.indexOf(part))),
  lastIndexOf: search((text, part) => BigInt(text.lastIndexOf(part))),
  matches: onText(matches),
  replace: onText(replace),
  split: onText(split),
  join,
  lowerAscii: onText((text) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase())),
  upperAscii: onText((text) => text.replace(/[a-z]+/g, (part) => part.toUpperCase())),
  basename: onText((text, ...rest) => (rest.length === 0 ? basename(text) : undefined)),
  json: onText((text, ...rest) => (rest.length === 0 ? parseJson(text) : undefined)),
  toJson: (value, ...rest) => (rest.length === 0 ? toJsonText(value!) : undefined),
};
