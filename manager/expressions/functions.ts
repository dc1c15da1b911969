import { kindOf } from './kinds.ts';
import { callLibrary, isInLibrary, libraryNames } from './library.ts';
import { listFunctions } from './list-functions.ts';
import { OPERATORS } from './operators.ts';
import { charge, chargeText, Problem } from './problem.ts';
import { TEXT_FUNCTIONS } from './text-functions.ts';
import { TIME_METHODS, timePart } from './times.ts';
import type { Value } from './values.ts';

/**
 * A function or operator of wiz; undefined for arguments that are not its own. Then the library is asked, which has all
 * of CEL. A function may be written as a method too: `keys(x)` is `x.keys()`.
 */
export type Implementation = (...args: Value[]) => Value | undefined;

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

const FUNCTIONS = new Map<string, Implementation>(
  Object.entries({
    ...OPERATORS,
    ...TEXT_FUNCTIONS,
    ...listFunctions(callFunction),
    ...Object.fromEntries(
      TIME_METHODS.map((name) => [name, (...args: Value[]) => timePart(name, args)] as const),
    ),
  }),
);
