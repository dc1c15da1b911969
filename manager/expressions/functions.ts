import { isCelUint } from '@bufbuild/cel';
import { RE2JS } from '@bufbuild/re2';
import type { JsonValue } from '../spec/spec.ts';
import { callLibrary, isInLibrary, libraryNames } from './library.ts';
import { charge, chargeText, checkSize, Problem } from './problem.ts';
import { TIME_METHODS, timePart } from './times.ts';
import { fromJson, type Key, KeyedMap, List, mapKey, toJson, type Value } from './values.ts';

/**
 * Functions and operators of expressions. A function may be written as a method too: `keys(x)` is `x.keys()`. Here is what
 * wiz adds to CEL, and those of CEL that the library has with a cost that grows faster than the text (replace), with
 * other results than CEL (split with a limit, double("abc")), or with no arithmetic between int and double, which
 * JSON does not tell apart. Each gives undefined for arguments that are not its own; then the library is asked.
 */
type Implementation = (...args: Value[]) => Value | undefined;

/** Throws Problem when there is no such function or it does not take these arguments. */
export function callFunction(name: string, args: readonly Value[]): Value {
  if (args.length === 0) throw mismatch(name, args);
  const own = FUNCTIONS.get(name)?.(...args);
  if (own !== undefined) return own;
  if (isInLibrary(name)) {
    for (const arg of args) {
      if (typeof arg === 'string' || arg instanceof Uint8Array) chargeText(arg.length);
    }
    charge(40);
    try {
      return callLibrary(name, args);
    } catch (error) {
      if (!(error instanceof Problem) || !error.message.startsWith('found no matching overload')) throw error;
    }
  }
  throw mismatch(name, args);
}

/** Names that can be called, operators left out. */
export function functionNames(): string[] {
  const names = [...libraryNames(), ...FUNCTIONS.keys(), 'default', 'has'];
  return [...new Set(names)].filter((name) => /^[a-z]/i.test(name)).sort();
}

export function isFunction(name: string): boolean {
  return FUNCTIONS.has(name) || isInLibrary(name);
}

function mismatch(name: string, args: readonly Value[]): Problem {
  const kinds = args.map(kindOf);
  const operator = /^(?:@|!|-|_)(.*?)_?$/.exec(name);
  if (operator === null) {
    return new Problem(`${name}() does not take ${kinds.length === 0 ? 'no arguments' : kinds.join(', ')}.`);
  }
  const symbol = operator[1] || name[0];
  const hint = name === '_+_' && kinds.includes('text') ? ' Make text of it with string() or toJson().' : '';
  return new Problem(`"${symbol}" does not work with ${kinds.join(' and ')}.${hint}`);
}

/** A value in words. */
export function kindOf(value: Value): string {
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'bigint':
      return 'a whole number';
    case 'number':
      return 'a number';
  }
  if (value === null) return 'null';
  if (value instanceof List) return 'a list';
  if (value instanceof KeyedMap) return 'a map';
  if (value instanceof Uint8Array) return 'bytes';
  if (isCelUint(value)) return 'a whole number (uint)';
  return textOf(callLibrary('type', [value]))
    .replace(/^google\.protobuf\./, 'a ')
    .toLowerCase();
}

/** Text of a time, a duration or a type. */
export function textOf(value: Value): string {
  if (typeof value === 'object' && value !== null && 'kind' in value && 'name' in value)
    return String(value.name);
  return String(callLibrary('string', [value]));
}

// ---- numbers

const MAX_INT = 2n ** 63n - 1n;
const MIN_INT = -(2n ** 63n);

function int(value: bigint): bigint {
  if (value > MAX_INT || value < MIN_INT) throw new Problem('A whole number is past 64 bits.');
  return value;
}

function isNumber(value: Value | undefined): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** Between whole numbers exact, and as soon as one is not, as a double. */
function arithmetic(
  exact: (a: bigint, b: bigint) => bigint,
  floating: (a: number, b: number) => number,
): Implementation {
  return (a, b) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') return int(exact(a, b));
    return isNumber(a) && isNumber(b) ? floating(Number(a), Number(b)) : undefined;
  };
}

function notZero(value: bigint): bigint {
  if (value === 0n) throw new Problem('It divides by 0.');
  return value;
}

function comparison(compare: (a: never, b: never) => boolean): Implementation {
  return (a, b) => {
    // JavaScript compares a bigint with a number by their values.
    const isLike = (isNumber(a) && isNumber(b)) || (typeof a === typeof b && typeof a !== 'object');
    return isLike ? compare(a as never, b as never) : undefined;
  };
}

export function isEqual(a: Value, b: Value): boolean {
  charge(1);
  if (a === b) return true;
  if (typeof a === 'string' || typeof b === 'string') return false;
  if (isCelUint(a)) return isEqual(a.value, b);
  if (isCelUint(b)) return isEqual(a, b.value);
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number with the same value are equal.
  if (isNumber(a) && isNumber(b)) return a == b;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof List) return b instanceof List && isEqualList(a, b);
  if (a instanceof KeyedMap) return b instanceof KeyedMap && isEqualMap(a, b);
  if (b instanceof List || b instanceof KeyedMap) return false;
  return callLibrary('_==_', [a, b]) === true;
}

function isEqualList(a: List, b: List): boolean {
  if (a.size !== b.size) return false;
  for (let index = 0; index < a.size; index++) {
    if (!isEqual(a.get(index)!, b.get(index)!)) return false;
  }
  return true;
}

function isEqualMap(a: KeyedMap, b: KeyedMap): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !isEqual(value, other)) return false;
  }
  return true;
}

function isIn(value: Value, container: Value): boolean | undefined {
  if (container instanceof KeyedMap) return container.has(value);
  if (!(container instanceof List)) return undefined;
  for (const item of container) if (isEqual(item, value)) return true;
  return false;
}

function parseInteger(text: Value): bigint | undefined {
  if (typeof text !== 'string') return undefined;
  if (!/^[+-]?\d{1,19}$/.test(text)) throw new Problem(`${quoted(text)} is not a whole number.`);
  return int(BigInt(text.replace('+', '')));
}

function parseNumber(text: Value): number | undefined {
  if (typeof text === 'bigint') return Number(text);
  if (typeof text !== 'string') return undefined;
  const number = text.length > 1000 || text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isNaN(number) && text !== 'NaN') throw new Problem(`${quoted(text)} is not a number.`);
  return number;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

// ---- text

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
  if (text.includes('\\u0000')) throw new Problem('The JSON has a NUL in a text, which cannot be read here.');
  try {
    return fromJson(JSON.parse(text) as JsonValue);
  } catch (error) {
    throw new Problem(`The text ${quoted(text)} is not JSON: ${(error as Error).message}.`);
  }
}

function toJsonText(value: Value): string {
  const text = JSON.stringify(toJson(value, textOf));
  checkSize(text.length);
  charge(text.length >>> 4);
  return text;
}

// ---- lists

type ListFunction = (list: List, ...rest: Value[]) => Value | undefined;

function onList(implementation: ListFunction): Implementation {
  return (list, ...rest) => (list instanceof List ? implementation(list, ...rest) : undefined);
}

function range(from: Value, to?: Value): Value | undefined {
  const [start, end] = to === undefined ? [0n, from] : [from, to];
  if (typeof start !== 'bigint' || typeof end !== 'bigint') return undefined;
  const count = end > start ? end - start : 0n;
  if (count > 1_000_000n) throw new Problem('range() gives at most 1,000,000 numbers.');
  charge(2 * Number(count));
  return List.of(Array.from({ length: Number(count) }, (_, index) => start + BigInt(index)));
}

function least(isBetter: '_<_' | '_>_'): Implementation {
  return (...args) => {
    const items = args.length === 1 && args[0] instanceof List ? args[0] : List.of(args);
    const [first, ...rest] = items;
    if (first === undefined)
      throw new Problem(`${isBetter === '_<_' ? 'min' : 'max'}() has no items to choose from.`);
    return rest.reduce((best, item) => (callFunction(isBetter, [item, best]) === true ? item : best), first);
  };
}

function sorted(list: List): List {
  charge(list.size * Math.ceil(Math.log2(list.size + 1)));
  const isLess = (a: Value, b: Value) => callFunction('_<_', [a, b]) === true;
  return List.of(list.toArray().sort((a, b) => (isLess(a, b) ? -1 : isLess(b, a) ? 1 : 0)));
}

function unique(list: List): List {
  const seen = new Set<Key>();
  const items: Value[] = [];
  for (const item of list) {
    // A text is put in quotes, so that it is not the same as the text of a list or map.
    const key = (typeof item === 'string' ? undefined : mapKey(item)) ?? toJsonText(item);
    if (seen.has(key)) continue;
    seen.add(key);
    items.push(item);
  }
  return List.of(items);
}

function flatten(list: List): List {
  const items: Value[] = [];
  for (const item of list) {
    if (item instanceof List) for (const inner of item) items.push(inner);
    else items.push(item);
  }
  return List.of(items);
}

const add = arithmetic(
  (a, b) => a + b,
  (a, b) => a + b,
);

const FUNCTIONS = new Map<string, Implementation>(
  Object.entries({
    '_+_': (a, b) => {
      if (typeof a === 'string' && typeof b === 'string') {
        checkSize(a.length + b.length);
        chargeText(a.length + b.length);
        return a + b;
      }
      if (a instanceof List && b instanceof List) return a.concat(b);
      return add(a!, b!);
    },
    '_-_': arithmetic(
      (a, b) => a - b,
      (a, b) => a - b,
    ),
    '_*_': arithmetic(
      (a, b) => a * b,
      (a, b) => a * b,
    ),
    '_/_': arithmetic(
      (a, b) => a / notZero(b),
      (a, b) => a / b,
    ),
    '_%_': arithmetic(
      (a, b) => a % notZero(b),
      (a, b) => a % b,
    ),
    '-_': (a) => (typeof a === 'bigint' ? int(-a) : typeof a === 'number' ? -a : undefined),
    '!_': (a) => (typeof a === 'boolean' ? !a : undefined),
    '_==_': (a, b) => isEqual(a!, b!),
    '_!=_': (a, b) => !isEqual(a!, b!),
    '_<_': comparison((a, b) => a < b),
    '_<=_': comparison((a, b) => a <= b),
    '_>_': comparison((a, b) => a > b),
    '_>=_': comparison((a, b) => a >= b),
    '@in': (value, container) => isIn(value!, container!),

    int: (value) => (typeof value === 'bigint' ? value : parseInteger(value!)),
    double: (value) => (typeof value === 'number' ? value : parseNumber(value!)),
    string: (value) => {
      if (value === null) return '';
      return typeof value === 'object' ? undefined : String(value);
    },
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

    keys: (map) => (map instanceof KeyedMap ? List.of([...map.keys()]) : undefined),
    values: (map) => (map instanceof KeyedMap ? List.of([...map.values()]) : undefined),
    range,
    sum: onList((list) => list.toArray().reduce((sum, item) => callFunction('_+_', [sum, item]), 0n)),
    min: least('_<_'),
    max: least('_>_'),
    sort: onList((list, ...rest) => (rest.length === 0 ? sorted(list) : undefined)),
    unique: onList((list, ...rest) => (rest.length === 0 ? unique(list) : undefined)),
    flatten: onList((list, ...rest) => (rest.length === 0 ? flatten(list) : undefined)),
    ...Object.fromEntries(
      TIME_METHODS.map((name) => [name, (...args: Value[]) => timePart(name, args)] as const),
    ),
  } satisfies Record<string, Implementation>),
);
