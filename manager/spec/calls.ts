import { z } from 'zod';
import type { ProcessorType } from '../../proto/gen/wiz/v1/executors_pb.js';
import { type Complaint, explain, valueAt } from './explain.ts';
import { didYouMean, type NearestFinder } from './nearest.ts';
import { hasExpressions, hasMacros, isExpression, wholeMacro } from './scan-macros.ts';
import type { Path } from './subject.ts';

/** What `apply` must know of a processor that `uses` can name. */
export type CallType = Pick<ProcessorType, 'name' | 'optionsSchemaJson'> &
  Partial<Pick<ProcessorType, 'outputSchemaJson'>>;

export interface CallChecker {
  /**
   * What is wrong with `uses` and `with` of a processor whose keys stand at `path`. Texts with expressions may still
   * become what is wanted, and with `macros: 'open'` those with macros; all others are final. The executor checks
   * again what the expressions have become.
   */
  check(uses: string, options: unknown, path: Path, macros: 'open' | 'fixed'): Complaint[];
}

interface Options {
  schema: z.ZodType;
  json: JsonSchema;
}

type JsonSchema = {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  required?: string[];
};

/** Checks against the schemas that processors publish. A schema is read when it is first needed; one that
 *  uses what z.fromJSONSchema does not know is left to the executor, which checks again. */
export function callChecker(catalogue: readonly CallType[], nearest: NearestFinder): CallChecker {
  const types = new Map(catalogue.map((type) => [type.name, type]));
  const names = [...types.keys()];
  const known = new Map<string, Options | undefined>();

  const optionsOf = (type: CallType): Options | undefined => {
    if (!known.has(type.name)) known.set(type.name, readOptions(type.optionsSchemaJson));
    return known.get(type.name);
  };

  return {
    check(uses, options, path, macros) {
      const type = types.get(uses);
      if (type === undefined) {
        const near = nearest(uses, names);
        const all = names.length === 0 ? '' : `There are ${names.join(', ')}.`;
        const hint = near === undefined ? all : didYouMean(near);
        return [
          { path: [...path, 'uses'], at: 'value', message: `there is no processor "${uses}" to use`, hint },
        ];
      }
      const checked = optionsOf(type);
      if (checked === undefined) return [];
      const result = checked.schema.safeParse(options);
      if (result.success) return [];
      const base = [...path, 'with'];
      return result.error.issues
        .filter((issue) => isCertain(issue, options, macros))
        .flatMap((issue) =>
          explain(issue, nest(options, base), base, {
            nearest,
            keysAt: (at) => keysOf(checked.json, at.slice(base.length)),
          }),
        );
    },
  };
}

/** `explain` looks values up by their whole path. */
function nest(value: unknown, path: Path): unknown {
  return path.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value);
}

function readOptions(text: string): Options | undefined {
  if (text === '') return undefined;
  try {
    const json = JSON.parse(text) as JsonSchema;
    return { json, schema: z.fromJSONSchema(json as never) };
  } catch {
    return undefined;
  }
}

/** False when a macro or an expression may still make it right: an issue about a text (or something around texts) with
 *  one. */
function isCertain(issue: z.core.$ZodIssue, options: unknown, macros: 'open' | 'fixed'): boolean {
  if (issue.code === 'unrecognized_keys' || issue.code === 'invalid_key') return true;
  const value = valueAt(options, issue.path as Path);
  const isOpen = hasExpressions(value) || (macros === 'open' && hasMacros(value));
  if (!isOpen) return true;
  if (issue.code !== 'invalid_type' || typeof value !== 'string') return false;
  // With text around it, it is always a text.
  return !isExpression(value) && (macros === 'fixed' || wholeMacro(value) === undefined);
}

function keysOf(schema: JsonSchema | undefined, path: Path): string[] {
  if (schema === undefined) return [];
  const branches = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const [step, ...rest] = path;
  const keys = branches.flatMap((branch) => {
    if (step === undefined) return Object.keys(branch.properties ?? {});
    return keysOf(typeof step === 'number' ? branch.items : branch.properties?.[step], rest);
  });
  return [...new Set(keys)];
}
