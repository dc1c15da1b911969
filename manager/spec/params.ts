import type { Diagnostic } from '../../proto/error.ts';
import { badInput } from './diagnostic.ts';
import { didYouMean, nearest } from './nearest.ts';
import type { JsonObject, JsonValue, ParamSpec, PipelineSpec } from './spec.ts';

/** The environment variable of a param, and the name of its macro: `api-url` and `apiUrl` are `API_URL`. */
export function environmentName(param: string): string {
  return param
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]/g, '_')
    .toUpperCase();
}

/**
 * The values of a run's params: what was given as text, converted to the type of each param, and the defaults
 * of the others. An optional param without a default that was not given is left out. Throws one
 * `invalid_argument` that names everything that is wrong.
 */
export function resolveParams(
  spec: Pick<PipelineSpec, 'name' | 'params'>,
  given: Readonly<Record<string, string>>,
): JsonObject {
  const problems: Diagnostic[] = [];
  const report = (message: string, hint: string) =>
    problems.push({ file: '', line: 0, column: 0, message, hint });
  const declared = Object.keys(spec.params);

  for (const name of Object.keys(given)) {
    if (Object.hasOwn(spec.params, name)) continue;
    const near = nearest(name, declared);
    const known = declared.length === 0 ? 'It has none.' : `It has ${declared.join(', ')}.`;
    report(`pipeline "${spec.name}" has no param "${name}"`, near === undefined ? known : didYouMean(near));
  }

  const values: JsonObject = {};
  for (const [name, param] of Object.entries(spec.params)) {
    if (Object.hasOwn(given, name)) {
      const value = convert(given[name]!, param);
      const wrong = value === undefined ? typePhrase(param.type) : outsideEnum(value, param);
      if (wrong === undefined) values[name] = value!;
      else report(`param "${name}" must be ${wrong}, not "${given[name]}"`, '');
    } else if (param.default !== undefined) {
      values[name] = param.default;
    } else if (param.required) {
      const about = param.description === '' ? '' : ` (${param.description})`;
      report(`param "${name}"${about} is required`, `Give it with -p ${name}=VALUE.`);
    }
  }
  if (problems.length > 0) throw badInput(problems);
  return values;
}

/** Text of a param's value as programs and macros get it. */
export function paramText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The environment that params give to every processor of a run. */
export function paramEnvironment(params: Readonly<JsonObject>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [environmentName(name), paramText(value)]),
  );
}

/** Undefined when the value fits the param; otherwise what it must be: "a whole number", "one of a, b". */
export function misfit(value: JsonValue, param: Pick<ParamSpec, 'type' | 'enum'>): string | undefined {
  return fitsType(value, param.type) ? outsideEnum(value, param) : typePhrase(param.type);
}

function outsideEnum(value: JsonValue, param: Pick<ParamSpec, 'enum'>): string | undefined {
  if (param.enum === undefined) return undefined;
  const texts = param.enum.map((allowed) => JSON.stringify(allowed));
  return texts.includes(JSON.stringify(value)) ? undefined : `one of ${param.enum.map(paramText).join(', ')}`;
}

function typePhrase(type: ParamSpec['type']): string {
  switch (type) {
    case 'string':
      return 'text';
    case 'number':
      return 'a number';
    case 'integer':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    case 'json':
      return 'JSON';
  }
}

function fitsType(value: JsonValue, type: ParamSpec['type']): boolean {
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'integer':
      return Number.isSafeInteger(value);
    case 'json':
      return true;
  }
}

function convert(text: string, param: ParamSpec): JsonValue | undefined {
  if (param.type === 'string') return text;
  try {
    // JSON's numbers and booleans are exactly those that go on as JSON: no 0x10, no "yes", no empty text.
    const value = JSON.parse(text) as JsonValue;
    return fitsType(value, param.type) ? value : undefined;
  } catch {
    return undefined;
  }
}
