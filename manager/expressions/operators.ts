import { isCelUint } from '@bufbuild/cel';
import type { Implementation } from './functions.ts';
import { quoted } from './kinds.ts';
import { callLibrary } from './library.ts';
import { charge, chargeText, checkSize, Problem } from './problem.ts';
import { KeyedMap, List, type Value } from './values.ts';

/** Operators, and the numbers that texts stand for. The library has no arithmetic between int and double, which JSON does
 *  not tell apart, and its double("abc") is NaN. */

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

const add = arithmetic(
  (a, b) => a + b,
  (a, b) => a + b,
);

export const OPERATORS: Record<string, Implementation> = {
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
};
