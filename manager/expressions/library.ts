import { type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { Problem, TooCostly } from './problem.ts';
import type { Value } from './values.ts';

/**
 * Functions of the CEL library, for all that is not in functions.ts: times, durations, bytes, uint, format. Each is
 * a small plan of its own, since that is the library's door to its functions.
 */

const env = celEnv({ funcs: [...strings] });

const METHODS = new Set([...env.funcs].filter((func) => func.target !== undefined).map((func) => func.name));
const NAMES = new Set([...env.funcs].map((func) => func.name));

type Call = (values: Record<string, CelInput>) => unknown;

const calls = new Map<string, Call>();

/** Names of functions and methods, operators left out. */
export function libraryNames(): string[] {
  return [...NAMES].filter((name) => /^[a-z]/i.test(name));
}

export function isInLibrary(name: string): boolean {
  return NAMES.has(name);
}

/** Throws Problem. A method is given its target as the first argument. */
export function callLibrary(name: string, args: readonly Value[]): Value {
  const key = `${name}/${args.length}`;
  let call = calls.get(key);
  if (call === undefined) {
    call = planCall(name, args.length);
    calls.set(key, call);
  }
  const result = call(Object.fromEntries(args.map((arg, index) => [`a${index}`, arg as CelInput])));
  if (isCelError(result)) {
    // It catches what our lists throw.
    if (result.cause instanceof Problem || result.cause instanceof TooCostly) throw result.cause;
    throw new Problem(`${result.message.replace(/\.$/, '')}.`);
  }
  return result as Value;
}

function planCall(name: string, count: number): Call {
  const args = Array.from({ length: count }, (_, index) => `a${index}`);
  const { expr } = parse(METHODS.has(name) ? `a0.f(${args.slice(1).join()})` : `f(${args.join()})`);
  const kind = expr?.exprKind;
  if (kind?.case === 'callExpr') kind.value.function = name;
  return plan(env, expr!) as Call;
}

/** The type that a name such as `int` or `list` stands for. */
export function typeNamed(name: string): Value | undefined {
  if (!TYPE_NAMES.has(name)) return undefined;
  const type = plan(env, parse(name))();
  return isCelError(type) ? undefined : (type as Value);
}

const TYPE_NAMES = new Set('int uint double bool string bytes list map null_type type'.split(' '));
