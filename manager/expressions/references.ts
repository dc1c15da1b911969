import type { References } from './expressions.ts';
import type { Expr } from './parse-expression.ts';

/** What an expression names, read off its syntax tree. */

export function noReferences(): References {
  return {
    outputs: new Set(),
    files: new Set(),
    params: new Set(),
    context: new Set(),
    secrets: new Set(),
    item: false,
    index: false,
    run: false,
    whole: new Set(),
  };
}

const KEYED = new Set(['outputs', 'files', 'params', 'context', 'secrets']);
type Keyed = 'outputs' | 'files' | 'params' | 'context' | 'secrets';

export function addReferences(expr: Expr, found: References): void {
  visit(expr, new Set(), found);
}

/** `names` are those of comprehensions around it, which stand before all others. */
function visit(expr: Expr, names: ReadonlySet<string>, found: References): void {
  const key = keyOfRoot(expr, names);
  if (key !== undefined) {
    found[key.root].add(key.name);
    return;
  }
  const name = expr.exprKind.case === 'identExpr' ? expr.exprKind.value.name : undefined;
  if (name !== undefined && !names.has(name)) {
    if (KEYED.has(name)) found.whole.add(name as Keyed);
    else if (name === 'item' || name === 'index' || name === 'run') found[name] = true;
  }
  for (const [part, inner] of partsOf(expr, names)) visit(part, inner, found);
}

/** `outputs.NAME` or `outputs["NAME"]`. */
export function keyOfRoot(expr: Expr, names: ReadonlySet<string>): { root: Keyed; name: string } | undefined {
  const { exprKind: kind } = expr;
  let operand: Expr | undefined;
  let name: string | undefined;
  if (kind.case === 'selectExpr') {
    operand = kind.value.operand;
    name = kind.value.field;
  } else if (kind.case === 'callExpr' && kind.value.function === '_[_]') {
    const [owner, key] = kind.value.args as [Expr, Expr];
    operand = owner;
    const constant = key.exprKind.case === 'constExpr' ? key.exprKind.value.constantKind : undefined;
    if (constant?.case === 'stringValue') name = constant.value;
  }
  if (name === undefined || operand?.exprKind.case !== 'identExpr') return undefined;
  const root = operand.exprKind.value.name;
  return KEYED.has(root) && !names.has(root) ? { root: root as Keyed, name } : undefined;
}

/** The expressions that one is made of, each with the names that hold in it. */
export function partsOf(expr: Expr, names: ReadonlySet<string>): [Expr, ReadonlySet<string>][] {
  const { exprKind: kind } = expr;
  const here = (parts: (Expr | undefined)[]): [Expr, ReadonlySet<string>][] =>
    parts.filter((part) => part !== undefined).map((part) => [part, names]);
  switch (kind.case) {
    case 'selectExpr':
      return here([kind.value.operand]);
    case 'callExpr':
      return here([kind.value.target, ...kind.value.args]);
    case 'listExpr':
      return here(kind.value.elements);
    case 'structExpr':
      return here(
        kind.value.entries.flatMap(({ keyKind, value }) => [
          keyKind.case === 'mapKey' ? keyKind.value : undefined,
          value,
        ]),
      );
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result, iterVar, accuVar } = kind.value;
      const inner = new Set([...names, accuVar, iterVar]);
      const loop = [loopCondition, loopStep, result].filter((part) => part !== undefined);
      return [
        ...here([iterRange, accuInit]),
        ...loop.map((part): [Expr, ReadonlySet<string>] => [part, inner]),
      ];
    }
    default:
      return [];
  }
}
