import { type CelUint, type CelValue, isCelUint } from '@bufbuild/cel';
import type { JsonValue } from '../spec/spec.ts';
import { charge, chargeText, checkSize, MAX_SIZE, Problem, TooCostly } from './problem.ts';

/**
 * Values while an expression is evaluated. Lists and maps are ours: they stand on the JSON that they come from and turn
 * an item into a CEL value when it is looked at, so a list of 100,000 lines costs nothing to bring in; and each look
 * is a step of the budget. The library takes them for its own by the symbols that it asks for.
 *
 * A JSON number without fraction is an int of CEL (a bigint), any other a double (a number).
 */
export type Value = Exclude<CelValue, { readonly size: number }> | List | KeyedMap;

const LIST = Symbol.for('@bufbuild/cel/list');
const MAP = Symbol.for('@bufbuild/cel/map');

/** Immutable. */
export class List implements Iterable<Value> {
  readonly #items: unknown[];
  readonly #isJson: boolean;
  readonly size: number;

  private constructor(items: unknown[], size: number, isJson: boolean) {
    this.#items = items;
    this.#isJson = isJson;
    this.size = size;
  }

  /** The array must not be changed afterwards. */
  static of(items: Value[]): List {
    return new List(items, items.length, false);
  }

  static ofJson(items: JsonValue[]): List {
    return new List(items, items.length, true);
  }

  get(index: number): Value | undefined {
    charge(1);
    if (!Number.isInteger(index) || index < 0 || index >= this.size) return undefined;
    return this.#at(index);
  }

  *[Symbol.iterator](): Generator<Value> {
    for (let index = 0; index < this.size; index++) {
      charge(1);
      yield this.#at(index);
    }
  }

  values(): Generator<Value> {
    return this[Symbol.iterator]();
  }

  toArray(): Value[] {
    charge(this.size);
    if (!this.#isJson) return (this.#items as Value[]).slice(0, this.size);
    return (this.#items as JsonValue[]).map(fromJson);
  }

  concat(other: List): List {
    if (other.size === 0) return this;
    if (this.size === 0) return other;
    return List.of([...this.toArray(), ...other.toArray()]);
  }

  /** `map` and `filter` are chains of this. Lists share their array, and the longest may write behind its end: the
   *  library's way, a list that knows the two it is made of, takes the square of the length and, at 4,000 items,
   *  the whole stack. */
  append(item: Value): List {
    charge(1);
    const isLongest = !this.#isJson && this.#items.length === this.size;
    const items = isLongest ? this.#items : this.toArray();
    items.push(item);
    return new List(items, items.length, false);
  }

  /** The JSON that the list stands on. */
  get json(): JsonValue[] | undefined {
    return this.#isJson ? (this.#items as JsonValue[]) : undefined;
  }

  #at(index: number): Value {
    const item = this.#items[index];
    return this.#isJson ? fromJson(item as JsonValue) : (item as Value);
  }
}

export type Key = string | boolean | bigint;

/** Immutable: the object of some JSON, or a Map that an expression has made. */
export class KeyedMap implements Iterable<[Key, Value]> {
  readonly #object: { [key: string]: JsonValue } | undefined;
  readonly #map: Map<Key, Value> | undefined;

  private constructor(object: { [key: string]: JsonValue } | undefined, map: Map<Key, Value> | undefined) {
    this.#object = object;
    this.#map = map;
  }

  static of(map: Map<Key, Value>): KeyedMap {
    return new KeyedMap(undefined, map);
  }

  static ofJson(object: { [key: string]: JsonValue }): KeyedMap {
    return new KeyedMap(object, undefined);
  }

  get size(): number {
    return this.#map?.size ?? this.#keys().length;
  }

  get(key: unknown): Value | undefined {
    charge(1);
    if (this.#object !== undefined) {
      if (typeof key !== 'string' || !Object.hasOwn(this.#object, key)) return undefined;
      return fromJson(this.#object[key]!);
    }
    const plain = mapKey(key as Value);
    return plain === undefined ? undefined : this.#map!.get(plain);
  }

  has(key: unknown): boolean {
    return this.get(key) !== undefined;
  }

  keys(): Iterable<Key> {
    return this.#map?.keys() ?? this.#keys();
  }

  *[Symbol.iterator](): Generator<[Key, Value]> {
    for (const key of this.keys()) yield [key, this.get(key)!];
  }

  entries(): Generator<[Key, Value]> {
    return this[Symbol.iterator]();
  }

  *values(): Generator<Value> {
    for (const key of this.keys()) yield this.get(key)!;
  }

  forEach(callback: (value: Value, key: Key) => void): void {
    for (const [key, value] of this) callback(value, key);
  }

  get json(): { [key: string]: JsonValue } | undefined {
    return this.#object;
  }

  #keys(): string[] {
    const keys = Object.keys(this.#object!);
    charge(keys.length >>> 2);
    return keys;
  }
}

for (const [of, symbol] of [
  [List, LIST],
  [KeyedMap, MAP],
] as const) {
  Object.defineProperty(of.prototype, symbol, { value: {} });
}

/** Numbers that are equal are the same key. undefined for what can be no key. */
export function mapKey(value: Value): Key | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined;
  if (isCelUint(value)) return (value as CelUint).value;
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint'
    ? value
    : undefined;
}

export function fromJson(value: JsonValue): Value {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    case 'object':
      if (value === null) return null;
      return Array.isArray(value) ? List.ofJson(value) : KeyedMap.ofJson(value);
    default:
      return value;
  }
}

/** Levels of lists and maps: JSON.stringify, which is recursive, takes some thousands. */
const MAX_DEPTH = 500;

/** What stands on JSON comes back as that same JSON, not as a copy. Whole numbers past 2^53 and what is no number
 *  become text, bytes { base64, mediaType }, times and durations their text. */
export function toJson(value: Value, textOf: (value: Value) => string, depth = 0): JsonValue {
  charge(2);
  switch (typeof value) {
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (depth > MAX_DEPTH) throw new Problem(`The value is nested more than ${MAX_DEPTH} levels deep.`);
  if (value instanceof List) {
    return value.json ?? Array.from(value, (item) => toJson(item, textOf, depth + 1));
  }
  if (value instanceof KeyedMap) {
    if (value.json !== undefined) return value.json;
    const object: { [key: string]: JsonValue } = {};
    for (const [key, item] of value) setKey(object, String(key), toJson(item, textOf, depth + 1));
    return object;
  }
  if (value instanceof Uint8Array) {
    chargeText(value.length);
    const base64 = Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64');
    return { base64, mediaType: 'application/octet-stream' };
  }
  if (isCelUint(value)) return toJson((value as CelUint).value, textOf);
  return textOf(value);
}

function setKey(object: { [key: string]: JsonValue }, key: string, value: JsonValue): void {
  if (Object.hasOwn(object, key)) throw new Problem(`The map has two keys that are "${key}" as text.`);
  // `__proto__` would not become a key by assignment.
  if (key !== '__proto__') object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}

export interface Measure {
  /** Characters of its JSON, about. */
  size: number;
  /** Some text in it holds the mark of a secret. */
  hasSecret: boolean;
}

/** The mark of a secret, see proto/marks.ts, in quotes with their names. */
const SECRET = /\0(?:[a-z]+:)*secret:/;

// A list that every instance is given whole is gone through once. Only what has been asked for is kept.
const measured = new WeakMap<object, Measure>();

export function measure(value: JsonValue): Measure {
  if (typeof value === 'string') return { size: value.length, hasSecret: SECRET.test(value) };
  if (typeof value !== 'object' || value === null) return { size: 8, hasSecret: false };
  let result = measured.get(value);
  if (result === undefined) {
    result = { size: 0, hasSecret: false };
    addUp(value, result, 0);
    measured.set(value, result);
  }
  return result;
}

function addUp(value: JsonValue, sum: Measure, depth: number): void {
  if (typeof value === 'string') {
    sum.size += value.length + 3;
    sum.hasSecret ||= SECRET.test(value);
  } else if (typeof value !== 'object' || value === null) {
    sum.size += 8;
  } else {
    if (depth > MAX_DEPTH) throw new Problem(`The value is nested more than ${MAX_DEPTH} levels deep.`);
    checkSize(sum.size);
    sum.size += 2;
    if (Array.isArray(value)) for (const item of value) addUp(item, sum, depth + 1);
    else {
      for (const key in value) {
        addUp(key, sum, depth + 1);
        addUp(value[key]!, sum, depth + 1);
      }
    }
  }
  if (sum.size > MAX_SIZE) throw new TooCostly(`gives more than ${MAX_SIZE >> 20} MiB`);
}
