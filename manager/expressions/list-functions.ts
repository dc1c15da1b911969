import type { Implementation } from './functions.ts';
import { charge, Problem } from './problem.ts';
import { toJsonText } from './text-functions.ts';
import { type Key, KeyedMap, List, mapKey, type Value } from './values.ts';

/** Calls a function or an operator. */
type Caller = (name: string, args: readonly Value[]) => Value;

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

function least(call: Caller, isBetter: '_<_' | '_>_'): Implementation {
  return (...args) => {
    const items = args.length === 1 && args[0] instanceof List ? args[0] : List.of(args);
    const [first, ...rest] = items;
    if (first === undefined)
      throw new Problem(`${isBetter === '_<_' ? 'min' : 'max'}() has no items to choose from.`);
    return rest.reduce((best, item) => (call(isBetter, [item, best]) === true ? item : best), first);
  };
}

function sorted(call: Caller, list: List): List {
  charge(list.size * Math.ceil(Math.log2(list.size + 1)));
  const isLess = (a: Value, b: Value) => call('_<_', [a, b]) === true;
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

/** Functions of lists and maps, none of which CEL has. */
export function listFunctions(call: Caller): Record<string, Implementation> {
  return {
    keys: (map) => (map instanceof KeyedMap ? List.of([...map.keys()]) : undefined),
    values: (map) => (map instanceof KeyedMap ? List.of([...map.values()]) : undefined),
    range,
    sum: onList((list) => list.toArray().reduce((sum, item) => call('_+_', [sum, item]), 0n)),
    min: least(call, '_<_'),
    max: least(call, '_>_'),
    sort: onList((list, ...rest) => (rest.length === 0 ? sorted(call, list) : undefined)),
    unique: onList((list, ...rest) => (rest.length === 0 ? unique(list) : undefined)),
    flatten: onList((list, ...rest) => (rest.length === 0 ? flatten(list) : undefined)),
  };
}
