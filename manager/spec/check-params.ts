import { mapOf } from './check-texts.ts';
import { OWN_VARIABLES, SHELL_VARIABLES } from './environment.ts';
import type { Complaint } from './explain.ts';
import { describe } from './explain.ts';
import { environmentName, misfit } from './params.ts';
import { RESERVED_NAMES } from './run-macros.ts';
import type { JsonValue, ParamSpec } from './spec.ts';

const TYPES: readonly unknown[] = ['string', 'number', 'integer', 'boolean', 'json'];

/** What the schema cannot say about params and context: values against types, and names that meet as
 *  environment variables. Takes a pipeline as it stands in the file, whatever its shape. */
export function checkParams(pipeline: Record<string, unknown>): Complaint[] {
  const params = mapOf(pipeline.params);
  return [
    ...checkNames(Object.keys(params), Object.keys(mapOf(pipeline.context))),
    ...Object.entries(params).flatMap(([name, param]) => checkValues(name, param)),
  ];
}

/** The type of a param that does not name it: that of its default, or else of its first allowed value. */
export function inferType(param: { default?: unknown; enum?: readonly unknown[] }): ParamSpec['type'] {
  const sample = param.default ?? param.enum?.[0];
  switch (typeof sample) {
    case 'number':
    case 'boolean':
      return typeof sample as 'number' | 'boolean';
    case 'object':
      return sample === null ? 'string' : 'json';
    default:
      return 'string';
  }
}

/** What a value of a param must be, as the param stands in the file. */
export function declared(param: unknown): Pick<ParamSpec, 'type' | 'enum'> {
  const map = typeof param === 'object' ? mapOf(param) : { default: param };
  const allowed = asList(map.enum);
  const type = (map.type ?? inferType({ default: map.default, enum: allowed })) as ParamSpec['type'];
  return { type, ...(allowed !== undefined && { enum: allowed }) };
}

function checkNames(params: string[], context: string[]): Complaint[] {
  const complaints: Complaint[] = [];
  const complain = (path: string[], message: string) =>
    complaints.push({ path, at: 'key', message, hint: 'Choose another name.' });
  const owners = new Map<string, string>();
  for (const name of params) {
    const variable = environmentName(name);
    const owner = owners.get(variable);
    const path = ['params', name];
    if (owner !== undefined) {
      complain(path, `params "${owner}" and "${name}" would both be the variable ${variable}`);
    } else if (RESERVED_NAMES.includes(variable) || OWN_VARIABLES.includes(variable)) {
      complain(path, `param "${name}" would be the variable ${variable}, which wiz itself sets`);
    } else if (SHELL_VARIABLES.includes(variable)) {
      complain(path, `param "${name}" would be the variable ${variable}, which programs need as it is`);
    }
    owners.set(variable, owner ?? name);
  }
  for (const key of context) {
    const owner = owners.get(key);
    const path = ['context', key];
    if (RESERVED_NAMES.includes(key)) complain(path, `the context key "${key}" is a macro of wiz itself`);
    else if (owner !== undefined)
      complain(path, `the context key "${key}" is also the variable of param "${owner}"`);
  }
  return complaints;
}

function checkValues(name: string, param: unknown): Complaint[] {
  const map = mapOf(param);
  const type = map.type ?? inferType({ default: map.default, enum: asList(map.enum) });
  if (!TYPES.includes(type)) return [];
  const complaints: Complaint[] = [];
  const complain = (path: (string | number)[], message: string, hint = '') =>
    complaints.push({ path: ['params', name, ...path], at: 'value', message, hint });

  const spec = { type: type as ParamSpec['type'] };
  const allowed = asList(map.enum);
  for (const [index, value] of (allowed ?? []).entries()) {
    const wanted = misfit(value, spec);
    if (wanted === undefined) continue;
    complain(
      ['enum', index],
      `a value of "enum" of param "${name}" must be ${wanted}, not ${describe(value)}`,
    );
  }
  if (!Object.hasOwn(map, 'default')) return complaints;
  const wanted = misfit(map.default as JsonValue, { ...spec, enum: allowed });
  if (wanted !== undefined) {
    const hint = map.default === null ? 'Leave it out for a param without a default.' : '';
    complain(
      ['default'],
      `the default of param "${name}" must be ${wanted}, not ${describe(map.default)}`,
      hint,
    );
  }
  if (map.required === true) {
    complain(
      ['required'],
      `param "${name}" has a default, so it cannot be required`,
      'Remove one of the two.',
    );
  }
  return complaints;
}

function asList(value: unknown): JsonValue[] | undefined {
  return Array.isArray(value) ? (value as JsonValue[]) : undefined;
}
