import { celUint } from '@bufbuild/cel';
import { kindOf } from './kinds.ts';
import type { Expr } from './parse-expression.ts';
import { charge, Problem } from './problem.ts';
import { KeyedMap, List, mapKey, type Value } from './values.ts';

/** Looking into maps and lists, and what is said of what is not there: where, and what there is instead. */

type Constant = Extract<Expr['exprKind'], { case: 'constExpr' }>['value'];

export function constant({ constantKind }: Constant): Value {
  switch (constantKind.case) {
    case 'int64Value':
      if (BigInt.asIntN(64, constantKind.value) !== constantKind.value) {
        throw new Problem(`The number ${constantKind.value} is past 64 bits.`);
      }
      return constantKind.value;
    case 'uint64Value':
      return celUint(constantKind.value);
    case 'nullValue':
    case undefined:
      return null;
    default:
      return constantKind.value as Value;
  }
}

export function hasField(value: Value, field: string): boolean {
  return value instanceof KeyedMap && value.has(field);
}

export function select(value: Value, field: string, operand: Expr): Value {
  charge(1);
  if (value instanceof KeyedMap) return keyed(value, field, operand);
  const subject = subjectOf(operand);
  if (value === null) throw new Problem(`${subject} is null, so it has no "${field}".`, true);
  const hint = value instanceof List ? ` Its items are ${pathText(operand) ?? 'LIST'}[0] and so on.` : '';
  throw new Problem(`${subject} is ${kindOf(value)} and has no "${field}".${hint}`);
}

function keyed(map: KeyedMap, key: unknown, operand: Expr): Value {
  const value = map.get(key);
  if (value !== undefined) return value;
  const keys = Array.from(map.keys(), String);
  const all =
    keys.length > 20 ? `${keys.slice(0, 20).join(', ')} and ${keys.length - 20} more` : keys.join(', ');
  const there = keys.length === 0 ? 'is empty' : `has ${all}`;
  const subject = subjectOf(operand);
  throw new Problem(`There is no ${JSON.stringify(String(key))} in ${subject}: it ${there}.`, true);
}

export function index(value: Value, key: Value, operand: Expr): Value {
  charge(1);
  if (value instanceof KeyedMap) return keyed(value, key, operand);
  const subject = subjectOf(operand);
  if (value === null) throw new Problem(`${subject} is null, so it has no items.`, true);
  if (!(value instanceof List)) throw new Problem(`${subject} is ${kindOf(value)}, not a list or a map.`);
  const plain = mapKey(key);
  if (typeof plain !== 'bigint')
    throw new Problem(`The items of ${subject} have whole numbers, not ${kindOf(key)}.`);
  const item = value.get(Number(plain));
  if (item === undefined) {
    const there = value.size === 0 ? 'it is empty' : `it has [0] to [${value.size - 1}]`;
    throw new Problem(`There is no [${plain}] in ${subject}: ${there}.`, true);
  }
  return item;
}

export function itemsOf(value: Value, operand: Expr): Iterable<Value> {
  if (value instanceof List) return value;
  if (value instanceof KeyedMap) return value.keys();
  const missing = value === null;
  throw new Problem(`${subjectOf(operand)} is ${kindOf(value)}, not a list or a map.`, missing);
}

/** How a sentence names a part of an expression. */
function subjectOf(expr: Expr): string {
  const text = pathText(expr);
  if (text === undefined) return 'this value';
  return /^\w+$/.test(text) ? `"${text}"` : text;
}

/** Text of a chain of fields, or undefined for anything else. */
export function pathText({ exprKind: kind }: Expr): string | undefined {
  if (kind.case === 'identExpr') return kind.value.name;
  if (kind.case === 'selectExpr') {
    const owner = pathText(kind.value.operand!);
    return owner && `${owner}.${kind.value.field}`;
  }
  if (kind.case !== 'callExpr' || kind.value.function !== '_[_]') return undefined;
  const [operand, key] = kind.value.args as [Expr, Expr];
  const owner = pathText(operand);
  const at = key.exprKind.case === 'constExpr' ? constant(key.exprKind.value) : pathText(key);
  if (owner === undefined || at === undefined) return undefined;
  return `${owner}[${key.exprKind.case === 'constExpr' && typeof at === 'string' ? JSON.stringify(at) : at}]`;
}
