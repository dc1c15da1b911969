/** Checks param sets by what the pipeline declares, so that a bad line is told before anything is started. */
import { nearest } from '../nearest.ts';
import type { ParamSet, Problem } from './param-sets.ts';

/** What this needs of a param of a PipelineSpec. */
export interface DeclaredParam {
  type: 'string' | 'number' | 'integer' | 'boolean' | 'json';
  required: boolean;
  default?: unknown;
  enum?: unknown[];
}

/** A value as StartRun takes it: text as it is, others as JSON. */
export function paramText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `given` are params that every run has. */
export function paramProblems(
  sets: ParamSet[],
  declared: Record<string, DeclaredParam>,
  given: Record<string, string>,
): Problem[] {
  const names = Object.keys(declared);
  const required = names.filter((name) => declared[name]!.required && declared[name]!.default === undefined);
  return sets.flatMap((set, index) => [
    ...Object.entries(set).flatMap(([key, value]): Problem[] => {
      const param = Object.hasOwn(declared, key) ? declared[key] : undefined;
      if (!param)
        return [{ index, key, message: `the pipeline has no param "${key}"`, hint: hintFor(key, names) }];
      const must = misfit(paramText(value), param);
      return must
        ? [{ index, key, message: `param "${key}" must be ${must}, not ${JSON.stringify(value)}` }]
        : [];
    }),
    ...required
      .filter((name) => !Object.hasOwn(set, name) && !Object.hasOwn(given, name))
      .map((name): Problem => ({ index, message: `param "${name}" is required` })),
  ]);
}

function hintFor(key: string, names: string[]): string {
  const near = nearest(key, names);
  if (near !== undefined) return `Did you mean "${near}"?`;
  return names.length === 0 ? 'It has none.' : `It has ${names.join(', ')}.`;
}

/** What the text must be; empty when it fits. */
function misfit(text: string, param: DeclaredParam): string {
  const value = param.type === 'string' ? text : parsedValue(text);
  const fits = {
    string: true,
    number: typeof value === 'number' && Number.isFinite(value),
    integer: Number.isSafeInteger(value),
    boolean: typeof value === 'boolean',
    json: value !== undefined,
  }[param.type];
  if (!fits) {
    return {
      string: 'text',
      number: 'a number',
      integer: 'a whole number',
      boolean: 'true or false',
      json: 'JSON',
    }[param.type];
  }
  if (!param.enum || param.enum.some((one) => JSON.stringify(one) === JSON.stringify(value))) return '';
  return `one of ${param.enum.map(paramText).join(', ')}`;
}

function parsedValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
