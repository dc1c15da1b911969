import { pathText } from '../expressions/access.ts';
import { functionNames } from '../expressions/functions.ts';
import type { Expr } from '../expressions/parse-expression.ts';
import {
  ANY,
  BOOLEAN,
  INTEGER,
  joined,
  listOf,
  NULL,
  NUMBER,
  SECRET,
  TEXT,
  type Type,
  typePhrase,
} from './expression-types.ts';
import { isOperator, MACROS, RESULTS } from './function-types.ts';

/**
 * What follows for an expression from the types of what it refers to. Only what is surely wrong is a complaint. The CEL
 * library has a checker, but it does not go beyond constants and names yet.
 */

/** What a part of an expression can refer to, and where complaints go. */
export interface Inference {
  /** The type of a name that stands for a value, undefined when there is none (and it has been complained about). */
  nameOf(name: string, expr: Expr): Type | undefined;
  /** The type of `ROOT.KEY` where the root is params, outputs, files, context or secrets; undefined to look at the type
   *  of the root. */
  keyOf(root: string, key: string, expr: Expr): Type | undefined;
  complain(expr: Expr, message: string, hint?: string): void;
  nearest(name: string, names: readonly string[]): string | undefined;
}

const NUMERIC = ['integer', 'number'];
const ORDERED = ['integer', 'number', 'text', 'boolean'];

type Names = ReadonlyMap<string, Type>;

/** The type of an expression; complains about what is surely wrong in it. */
export function inferType(expr: Expr, inference: Inference): Type {
  return new Inferrer(inference).infer(expr, new Map());
}

class Inferrer {
  readonly #to: Inference;
  /** Inside of `has` and `default` what is missing may be missing. */
  #mayMiss = 0;

  constructor(inference: Inference) {
    this.#to = inference;
  }

  infer(expr: Expr, names: Names): Type {
    const { exprKind: kind } = expr;
    switch (kind.case) {
      case 'constExpr':
        return CONSTANTS[kind.value.constantKind.case ?? ''] ?? ANY;
      case 'identExpr':
        return names.get(kind.value.name) ?? this.#to.nameOf(kind.value.name, expr) ?? ANY;
      case 'selectExpr':
        if (!kind.value.testOnly) return this.#field(expr, kind.value.operand!, kind.value.field, names);
        this.#leniently(() => this.#field(expr, kind.value.operand!, kind.value.field, names));
        return BOOLEAN;
      case 'callExpr':
        return this.#call(expr, kind.value, names);
      case 'listExpr':
        return listOf(joined(kind.value.elements.map((element) => this.infer(element, names))));
      case 'structExpr':
        return this.#map(kind.value, names);
      case 'comprehensionExpr':
        return this.#fold(kind.value, names);
      default:
        return ANY;
    }
  }

  #leniently<Result>(work: () => Result): Result {
    this.#mayMiss++;
    try {
      return work();
    } finally {
      this.#mayMiss--;
    }
  }

  #field(expr: Expr, operand: Expr, field: string, names: Names): Type {
    const root = operand.exprKind.case === 'identExpr' ? operand.exprKind.value.name : undefined;
    if (root !== undefined && !names.has(root)) {
      const known = this.#to.keyOf(root, field, expr);
      if (known !== undefined) return known;
    }
    const owner = this.infer(operand, names);
    const subject = pathText(operand) ?? 'this';
    switch (owner.kind) {
      case 'any':
      case 'null':
        return ANY;
      case 'map': {
        const type = Object.hasOwn(owner.fields, field) ? owner.fields[field] : owner.others;
        if (type === undefined && this.#mayMiss === 0)
          this.#noField(expr, subject, field, Object.keys(owner.fields));
        return type ?? ANY;
      }
      case 'secret':
        return this.#secretUsed(expr);
      case 'list': {
        const items = `${subject}[0].${field}, or ${subject}.map(x, x.${field})`;
        this.#to.complain(expr, `${subject} is a list and has no "${field}"`, `Its items may: ${items}.`);
        return ANY;
      }
      default:
        this.#to.complain(expr, `${subject} is ${typePhrase(owner)} and has no "${field}"`);
        return ANY;
    }
  }

  #noField(expr: Expr, subject: string, field: string, fields: string[]): void {
    const near = this.#to.nearest(field, fields);
    const all = fields.length === 0 ? 'It is empty.' : `It has ${fields.slice(0, 30).join(', ')}.`;
    this.#to.complain(
      expr,
      `${subject} has no "${field}"`,
      near === undefined ? all : `Did you mean "${near}"?`,
    );
  }

  #secretUsed(expr: Expr): Type {
    const hint = 'Only the program that it is given to knows its value.';
    this.#to.complain(expr, 'a secret can only be passed on as it is, or joined to a text with "+"', hint);
    return ANY;
  }

  #call(expr: Expr, call: Call, names: Names): Type {
    const name = call.function;
    const args = call.target === undefined ? call.args : [call.target, ...call.args];
    if (name === '_[_]') return this.#index(expr, args[0]!, args[1]!, names);
    if (name === 'default' && args.length === 2) {
      const value = this.#leniently(() => this.infer(args[0]!, names));
      return joined([value, this.infer(args[1]!, names)]);
    }
    // `strings.quote(x)`
    if (call.target?.exprKind.case === 'identExpr' && call.target.exprKind.value.name === 'strings') {
      for (const arg of call.args) this.infer(arg, names);
      return TEXT;
    }
    if (!isOperator(name)) this.#checkName(expr, name);
    const types = args.map((arg) => this.infer(arg, names));
    if (name === '_?_:_') {
      this.#wants(args[0]!, types[0]!, '?', names);
      return joined(types.slice(1));
    }
    if (name === '_+_') return this.#plus(expr, types[0]!, types[1]!);
    if (types.some(({ kind }) => kind === 'secret')) return this.#secretUsed(expr);
    if (isOperator(name)) return this.#operator(expr, name, args, types, names);
    return this.#result(expr, name, types);
  }

  #checkName(expr: Expr, name: string): void {
    const known = functionNames();
    if (known.includes(name)) return;
    if (MACROS.has(name)) {
      this.#to.complain(
        expr,
        `${name}() needs a name and what to do with it`,
        `Write LIST.${name}(x, x.name).`,
      );
      return;
    }
    const near = this.#to.nearest(name, [...known, ...MACROS]);
    this.#to.complain(
      expr,
      `there is no function "${name}"`,
      near === undefined ? '' : `Did you mean "${near}"?`,
    );
  }

  #result(expr: Expr, name: string, types: Type[]): Type {
    if (name === 'has') {
      this.#to.complain(expr, 'has() needs a field', 'Write has(params.width).');
      return BOOLEAN;
    }
    const { gives, takes } = Object.hasOwn(RESULTS, name) ? RESULTS[name]! : {};
    const [first] = types;
    if (takes !== undefined && first !== undefined && first.kind !== 'any' && !takes.includes(first.kind)) {
      const hint =
        first.kind === 'map' && 'lines' in first.fields ? 'Its text is .text, and its lines are .lines.' : '';
      this.#to.complain(expr, `${name}() does not take ${typePhrase(first)}`, hint);
    }
    if ((name === 'sort' || name === 'unique') && first?.kind === 'list') return first;
    return gives ?? ANY;
  }

  #index(expr: Expr, operand: Expr, key: Expr, names: Names): Type {
    const constant = key.exprKind.case === 'constExpr' ? key.exprKind.value.constantKind : undefined;
    if (constant?.case === 'stringValue') return this.#field(expr, operand, constant.value, names);
    const type = this.infer(key, names);
    const owner = this.infer(operand, names);
    const subject = pathText(operand) ?? 'this';
    if (owner.kind === 'list') {
      if (['text', 'boolean', 'list', 'map'].includes(type.kind))
        this.#to.complain(expr, `the items of ${subject} have whole numbers, not ${typePhrase(type)}`);
      return owner.items;
    }
    if (owner.kind === 'map') return owner.others ?? ANY;
    if (owner.kind !== 'any' && owner.kind !== 'null')
      this.#to.complain(expr, `${subject} is ${typePhrase(owner)}, not a list or a map`);
    return ANY;
  }

  #plus(expr: Expr, left: Type, right: Type): Type {
    const kinds = [left.kind, right.kind];
    if (kinds.includes('secret')) {
      const isJoined = kinds.every((kind) => ['secret', 'text', 'any'].includes(kind));
      return isJoined ? SECRET : this.#secretUsed(expr);
    }
    if (kinds.includes('any')) return ANY;
    if (left.kind === 'list' && right.kind === 'list') return listOf(joined([left.items, right.items]));
    if (left.kind === 'text' && right.kind === 'text') return TEXT;
    if (kinds.every((kind) => NUMERIC.includes(kind))) return kinds.includes('number') ? NUMBER : INTEGER;
    const hint = kinds.includes('text') ? 'Make text of it with string() or toJson().' : '';
    this.#to.complain(expr, `"+" does not work with ${typePhrase(left)} and ${typePhrase(right)}`, hint);
    return ANY;
  }

  #operator(expr: Expr, name: string, args: Expr[], types: Type[], names: Names): Type {
    const symbol = name.replaceAll('_', '').replace('@', '');
    const [left = ANY, right = left] = types;
    const isKnown = types.every(({ kind }) => kind !== 'any');
    const refuse = () => {
      const what = types.map(typePhrase).join(' and ');
      this.#to.complain(expr, `"${symbol}" does not work with ${what}`);
    };
    switch (name) {
      case '_&&_':
      case '_||_':
        for (const [index, type] of types.entries()) this.#wants(args[index]!, type, symbol, names);
        return BOOLEAN;
      case '!_':
        this.#wants(args[0]!, left, symbol, names);
        return BOOLEAN;
      case '_==_':
      case '_!=_':
      case '@not_strictly_false':
        return BOOLEAN;
      case '@in':
        if (right.kind !== 'any' && right.kind !== 'list' && right.kind !== 'map') refuse();
        return BOOLEAN;
      case '_<_':
      case '_<=_':
      case '_>_':
      case '_>=_': {
        const isNumeric = types.every(({ kind }) => NUMERIC.includes(kind));
        if (isKnown && !isNumeric && !(left.kind === right.kind && ORDERED.includes(left.kind))) refuse();
        return BOOLEAN;
      }
      default:
        // - * / % and the sign
        if (!isKnown) return ANY;
        if (types.some(({ kind }) => !NUMERIC.includes(kind))) refuse();
        return types.some(({ kind }) => kind === 'number') ? NUMBER : INTEGER;
    }
  }

  #wants(expr: Expr, type: Type, symbol: string, names: Names): void {
    // The accumulator of all() and exists() is no part of what is written.
    if (expr.exprKind.case === 'identExpr' && names.has(expr.exprKind.value.name)) return;
    if (type.kind === 'boolean' || type.kind === 'any') return;
    this.#to.complain(expr, `"${symbol}" needs true or false, not ${typePhrase(type)}`);
  }

  #map({ entries }: Struct, names: Names): Type {
    const fields: Record<string, Type> = {};
    let isOpen = false;
    for (const { keyKind, value } of entries) {
      const type = value === undefined ? ANY : this.infer(value, names);
      const key = keyKind.case === 'mapKey' ? keyKind.value : undefined;
      if (key === undefined) continue;
      const constant = key.exprKind.case === 'constExpr' ? key.exprKind.value.constantKind : undefined;
      if (constant?.case === 'stringValue') fields[constant.value] = type;
      else {
        this.infer(key, names);
        isOpen = true;
      }
    }
    return { kind: 'map', fields, ...(isOpen ? { others: ANY } : {}) };
  }

  #fold(fold: Comprehension, names: Names): Type {
    const range = this.infer(fold.iterRange!, names);
    const items = this.#itemsOf(fold.iterRange!, range);
    const start =
      fold.accuInit!.exprKind.case === 'listExpr' ? listOf(ANY) : this.infer(fold.accuInit!, names);
    const inner = new Map(names).set(fold.accuVar, ANY).set(fold.iterVar, items);
    const step = fold.loopStep!;
    const mapped = appended(step);
    if (mapped === undefined) {
      this.infer(step, inner);
      return fold.result!.exprKind.case === 'identExpr' ? start : BOOLEAN;
    }
    if (mapped.condition !== undefined) {
      const condition = this.infer(mapped.condition, inner);
      if (condition.kind !== 'any' && condition.kind !== 'boolean')
        this.#to.complain(mapped.condition, `filter() needs true or false, not ${typePhrase(condition)}`);
    }
    return listOf(this.infer(mapped.item, inner));
  }

  #itemsOf(expr: Expr, range: Type): Type {
    if (range.kind === 'list') return range.items;
    if (range.kind === 'map') {
      // Text outputs are taken for their lines by people.
      if ('lines' in range.fields && Object.keys(range.fields).length === 2)
        this.#to.complain(
          expr,
          `${pathText(expr) ?? 'this'} is a map of text and lines`,
          'Its lines are .lines.',
        );
      return TEXT;
    }
    if (range.kind !== 'any' && range.kind !== 'null')
      this.#to.complain(expr, `${pathText(expr) ?? 'this'} is ${typePhrase(range)}, not a list or a map`);
    return ANY;
  }
}

type Call = Extract<Expr['exprKind'], { case: 'callExpr' }>['value'];
type Struct = Extract<Expr['exprKind'], { case: 'structExpr' }>['value'];
type Comprehension = Extract<Expr['exprKind'], { case: 'comprehensionExpr' }>['value'];

const CONSTANTS: Record<string, Type> = {
  stringValue: TEXT,
  boolValue: BOOLEAN,
  int64Value: INTEGER,
  doubleValue: NUMBER,
  nullValue: NULL,
};

/** What `map` and `filter` put behind their list: `CONDITION ? LIST + [ITEM] : LIST`, or `LIST + [ITEM]`. */
function appended(step: Expr): { condition?: Expr; item: Expr } | undefined {
  if (step.exprKind.case !== 'callExpr') return undefined;
  const { function: name, args } = step.exprKind.value;
  if (name === '_?_:_') {
    const inner = appended(args[1]!);
    return inner && { condition: args[0]!, item: inner.item };
  }
  if (name !== '_+_' || args[1]?.exprKind.case !== 'listExpr') return undefined;
  const [item] = args[1].exprKind.value.elements;
  return item && { item };
}
