import type { JsonObject } from '../spec/spec.ts';
import { constant, hasField, index, itemsOf, select } from './access.ts';
import type { Scope } from './expressions.ts';
import { callFunction, isFunction } from './functions.ts';
import { kindOf } from './kinds.ts';
import { typeNamed } from './library.ts';
import { isEqual } from './operators.ts';
import { type Expr, MAX_DEPTH, TOO_DEEP } from './parse-expression.ts';
import { charge, Problem } from './problem.ts';
import { fromJson, type Key, KeyedMap, List, mapKey, type Value } from './values.ts';

/**
 * The syntax tree of an expression as a tree of closures. The library parses and has most functions; its own evaluator
 * is not used: `map` over 4,000 items overflows its stack (see List.append), it counts no steps, and it says that
 * a field is missing but not what there is.
 */

/** What a compiled expression is run with. */
export interface Frame {
  scope: Scope;
  /** Values of the variables of comprehensions. */
  slots: (Value | Problem)[];
}

export type Compiled = (frame: Frame) => Value;

/** Throws Problem for what can never work: an unknown function or name, a tree that is too deep. */
export function compile(expr: Expr): Compiled {
  return compileIn(expr, { names: new Map(), slots: 0, depth: 0 });
}

/** Where a part of an expression stands. */
interface Place {
  /** Slots of the variables of comprehensions around it. */
  names: ReadonlyMap<string, number>;
  slots: number;
  depth: number;
}

function compileIn(expr: Expr, outer: Place): Compiled {
  if (outer.depth > MAX_DEPTH) throw new Problem(TOO_DEEP);
  const place = { ...outer, depth: outer.depth + 1 };
  const { exprKind: kind } = expr;
  switch (kind.case) {
    case 'constExpr': {
      const value = constant(kind.value);
      return () => value;
    }
    case 'identExpr':
      return compileName(kind.value.name, place);
    case 'selectExpr': {
      const operand = compileIn(kind.value.operand!, place);
      const { field } = kind.value;
      if (kind.value.testOnly) return (frame) => hasField(operand(frame), field);
      return (frame) => select(operand(frame), field, kind.value.operand!);
    }
    case 'callExpr':
      return compileCall(kind.value, place);
    case 'listExpr': {
      const items = kind.value.elements.map((element) => compileIn(element, place));
      return (frame) => {
        charge(2 + items.length);
        return List.of(items.map((item) => item(frame)));
      };
    }
    case 'structExpr':
      return compileMap(kind.value, place);
    case 'comprehensionExpr':
      return compileComprehension(kind.value, place);
    default:
      throw new Problem('It is no expression.');
  }
}

const ROOTS = new Set(['params', 'context', 'outputs', 'files', 'run', 'state', 'secrets']);

/** Names that stand for values, beside variables of comprehensions. */
export const ROOT_NAMES: readonly string[] = [...ROOTS, 'item', 'index'];

function compileName(name: string, { names }: Place): Compiled {
  const slot = names.get(name);
  if (slot !== undefined) {
    return ({ slots }) => {
      const value = slots[slot]!;
      if (value instanceof Problem) throw value;
      return value;
    };
  }
  if (ROOTS.has(name)) {
    const root = name as 'params';
    return ({ scope }) => KeyedMap.ofJson(scope[root] as JsonObject);
  }
  if (name === 'item' || name === 'index') {
    return ({ scope }) => {
      const value = scope[name];
      if (value === undefined)
        throw new Problem(`There is no ${name} here: the processor has no each or matrix.`);
      return fromJson(value);
    };
  }
  if (name === 'event') {
    return ({ scope }) => {
      if (scope.event === undefined) throw new Problem('There is no event here: only hooks have one.');
      return KeyedMap.ofJson(scope.event);
    };
  }
  const type = typeNamed(name);
  if (type !== undefined) return () => type;
  throw new Problem(`There is nothing named "${name}". There are ${ROOT_NAMES.join(', ')}.`);
}

type Call = Extract<Expr['exprKind'], { case: 'callExpr' }>['value'];

function compileCall(call: Call, place: Place): Compiled {
  const special = SPECIAL[call.function];
  if (special !== undefined) return special(call, place);
  const { target } = call;
  // `strings.quote(x)` is a function with a dot in its name.
  const owner = target?.exprKind.case === 'identExpr' ? target.exprKind.value.name : undefined;
  if (owner !== undefined && !place.names.has(owner) && isFunction(`${owner}.${call.function}`)) {
    return compileFunction(`${owner}.${call.function}`, call.args, place);
  }
  return compileFunction(call.function, target === undefined ? call.args : [target, ...call.args], place);
}

function compileFunction(name: string, argExprs: Expr[], place: Place): Compiled {
  if (!isFunction(name)) throw new Problem(unknownFunction(name));
  const args = argExprs.map((arg) => compileIn(arg, place));
  if (args.length === 2) {
    const [first, second] = args as [Compiled, Compiled];
    return (frame) => {
      charge(1);
      return callFunction(name, [first(frame), second(frame)]);
    };
  }
  return (frame) => {
    charge(1);
    return callFunction(
      name,
      args.map((arg) => arg(frame)),
    );
  };
}

function unknownFunction(name: string): string {
  if (['map', 'filter', 'all', 'exists', 'exists_one'].includes(name)) {
    return `${name}() needs a name and what to do with it: LIST.${name}(x, x.name).`;
  }
  if (name === 'has') return 'has() needs a field: has(params.width).';
  return `There is no function "${name}".`;
}

const SPECIAL: Record<string, (call: Call, place: Place) => Compiled> = {
  '_[_]': ({ args: [operand, key] }, place) => {
    const value = compileIn(operand!, place);
    const at = compileIn(key!, place);
    return (frame) => index(value(frame), at(frame), operand!);
  },
  '_?_:_': ({ args }, place) => {
    const [condition, yes, no] = args.map((arg) => compileIn(arg, place)) as [Compiled, Compiled, Compiled];
    return (frame) => {
      charge(1);
      return truth(condition(frame), '?') ? yes(frame) : no(frame);
    };
  },
  '_&&_': (call, place) => compileLogic(call, place, '&&', false),
  '_||_': (call, place) => compileLogic(call, place, '||', true),
  '@not_strictly_false': ({ args: [arg] }, place) => {
    const value = compileIn(arg!, place);
    return (frame) => {
      try {
        return value(frame) !== false;
      } catch (problem) {
        if (problem instanceof Problem) return true;
        throw problem;
      }
    };
  },
  // What stands first is evaluated here, so that what it misses can be stood in for.
  default: (call, place) => {
    const args = call.target === undefined ? call.args : [call.target, ...call.args];
    if (args.length !== 2) throw new Problem('default() takes a value and what to use in its place.');
    const [value, other] = args.map((arg) => compileIn(arg, place)) as [Compiled, Compiled];
    return (frame) => {
      charge(1);
      try {
        const found = value(frame);
        if (found !== null) return found;
      } catch (problem) {
        if (!(problem instanceof Problem && problem.missing)) throw problem;
      }
      return other(frame);
    };
  },
  '_+_': (call, place) => {
    const appended = appendedItem(call, place);
    if (appended === undefined) return compileFunction('_+_', call.args, place);
    const { list, item } = appended;
    return (frame) => {
      const before = list(frame);
      const next = item(frame);
      return before instanceof List ? before.append(next) : callFunction('_+_', [before, List.of([next])]);
    };
  },
  '_==_': ({ args }, place) => {
    const [a, b] = args.map((arg) => compileIn(arg, place)) as [Compiled, Compiled];
    return (frame) => isEqual(a(frame), b(frame));
  },
};
Object.setPrototypeOf(SPECIAL, null);

/** `LIST + [ITEM]`, as `map` and `filter` are written out by the parser. */
function appendedItem({ args: [left, right] }: Call, place: Place) {
  if (right?.exprKind.case !== 'listExpr' || right.exprKind.value.elements.length !== 1) return undefined;
  const [element] = right.exprKind.value.elements;
  return { list: compileIn(left!, place), item: compileIn(element!, place) };
}

function truth(value: Value, operator: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new Problem(`"${operator}" needs true or false, not ${kindOf(value)}.`);
}

/** `&&` and `||` go on past a problem: what decides counts, on whichever side it is. */
function compileLogic({ args: exprs }: Call, place: Place, operator: string, decides: boolean): Compiled {
  const args = exprs.map((arg) => compileIn(arg, place));
  return (frame) => {
    charge(1);
    let first: Problem | undefined;
    for (const arg of args) {
      try {
        if (truth(arg(frame), operator) === decides) return decides;
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        first ??= problem;
      }
    }
    if (first !== undefined) throw first;
    return !decides;
  };
}

type Struct = Extract<Expr['exprKind'], { case: 'structExpr' }>['value'];

function compileMap({ entries, messageName }: Struct, place: Place): Compiled {
  if (messageName !== '') throw new Problem(`Messages such as "${messageName}{…}" cannot be made here.`);
  const pairs = entries.map(({ keyKind, value }) => {
    if (keyKind.case !== 'mapKey') throw new Problem('A key of a map is missing.');
    return [compileIn(keyKind.value, place), compileIn(value!, place)] as const;
  });
  return (frame) => {
    charge(4 + 3 * pairs.length);
    const map = new Map<Key, Value>();
    for (const [keyAt, valueAt] of pairs) {
      const value = keyAt(frame);
      const key = mapKey(value);
      if (key === undefined) throw new Problem(`A key of a map cannot be ${kindOf(value)}.`);
      if (map.has(key)) throw new Problem(`The key ${JSON.stringify(String(key))} is twice in one map.`);
      map.set(key, valueAt(frame));
    }
    return KeyedMap.of(map);
  };
}

type Comprehension = Extract<Expr['exprKind'], { case: 'comprehensionExpr' }>['value'];

/** A fold: `map`, `filter`, `all`, `exists` and `exists_one` are written out so by the parser. */
function compileComprehension(fold: Comprehension, place: Place): Compiled {
  const range = compileIn(fold.iterRange!, place);
  const start = compileIn(fold.accuInit!, place);
  const accumulator = place.slots;
  const item = place.slots + 1;
  const names = new Map(place.names).set(fold.accuVar, accumulator);
  const inner = { ...place, slots: place.slots + 2, names: new Map(names).set(fold.iterVar, item) };
  const condition = compileIn(fold.loopCondition!, inner);
  const step = compileIn(fold.loopStep!, inner);
  const result = compileIn(fold.result!, { ...inner, names });

  return (frame) => {
    const { slots } = frame;
    const items = range(frame);
    slots[accumulator] = start(frame);
    for (const value of itemsOf(items, fold.iterRange!)) {
      slots[item] = value;
      charge(1);
      if (condition(frame) !== true) break;
      try {
        slots[accumulator] = step(frame);
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        slots[accumulator] = problem;
        // Only `all` and `exists` can still find what decides.
        if (fold.loopCondition!.exprKind.case === 'constExpr') throw problem;
      }
    }
    return result(frame);
  };
}
