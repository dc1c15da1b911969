import { WizError } from '../../proto/error.ts';
import { environmentProblem } from './environment.ts';
import { didYouMean, nearest } from './nearest.ts';
import { environmentName, paramText } from './params.ts';
import type { ActionSpec, JsonObject, JsonValue, PipelineSpec, ProcessorSpec } from './spec.ts';

/** Macros that every run has beside its params and context. */
export const BUILT_IN_MACROS = ['RUN_ID', 'PIPELINE', 'DATE', 'TIME', 'DATETIME'] as const;

export interface MacroPlace {
  /** `name` is undefined for what looks like a macro and is none: `${a b}`, `${X:-y}`, or no closing brace. */
  kind: 'macro' | 'expression' | 'escape';
  name: string | undefined;
  /** As written, from `${` to `}`. */
  text: string;
  /** Offset in the text. */
  start: number;
}

// Tried in this order at each place: `$${` is a literal `${`, `${{ … }}` an expression, `${NAME}` a macro.
const MACRO = /\$\$\{|\$\{\{(?:[^}]|\}(?!\}))*(?:\}\})?|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{[^}\n]*\}?/g;

/** Every macro, expression and escape of a text, in order. */
export function scanMacros(text: string): MacroPlace[] {
  if (!text.includes('${')) return [];
  return [...text.matchAll(MACRO)].map((match) => ({
    kind: match[0] === '$${' ? 'escape' : match[0].startsWith('${{') ? 'expression' : 'macro',
    name: match[1],
    text: match[0],
    start: match.index,
  }));
}

/** Text that `fixMacros` turns back into this one: for what was not written in a pipeline file. */
export function escapeMacros(text: string): string {
  return text.replaceAll('${', () => '$${');
}

/** A string anywhere in the value holds a macro, so that its content is known only when a run is created. */
export function hasMacros(value: unknown): boolean {
  if (typeof value === 'string') return scanMacros(value).some((place) => place.kind === 'macro');
  if (Array.isArray(value)) return value.some(hasMacros);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasMacros);
}

/** The name when the whole text is one macro. */
export function wholeMacro(text: string): string | undefined {
  const [place] = scanMacros(text);
  return place?.kind === 'macro' && place.text === text ? place.name : undefined;
}

export interface MacroValues {
  /** Values by param name, as `resolveParams` gives them. */
  params: Readonly<JsonObject>;
  /** What the caller of the run gave: taken as it is, and wins over the pipeline's context. */
  context: Readonly<Record<string, string>>;
  runId: string;
  nowMs: number;
  /** IANA name, for example Europe/Berlin or UTC: the zone of DATE, TIME and DATETIME. */
  timeZone: string;
}

/**
 * The spec of one run: every `${NAME}` in `with`, `program`, `env` and the context replaced, and the context
 * joined with what the caller gave. Scripts are left to their shell. What a macro brings in is not looked
 * through again, and `$${` has become `${`: fix a spec once.
 *
 * A text in `with` that is one macro and nothing else keeps the type of its param; one of an optional param
 * without a value is null there (a text param: the empty text), and the empty text elsewhere.
 */
export function fixMacros(spec: PipelineSpec, values: MacroValues): PipelineSpec {
  checkGivenContext(spec, values.context);
  const lookup = macroLookup(spec, values);
  const context: Record<string, string> = {};
  for (const [key, text] of Object.entries(spec.context)) {
    context[key] = Object.hasOwn(values.context, key) ? values.context[key]! : substitute(text, lookup);
  }
  Object.assign(context, values.context);
  for (const [key, text] of Object.entries(context)) lookup.set(key, () => text);

  const fixed: PipelineSpec = { ...spec, context, processors: [] };
  for (const processor of spec.processors) fixed.processors.push(fixProcessor(processor, lookup));
  return fixed;
}

/** Keys that the file could not have had either. */
function checkGivenContext(spec: PipelineSpec, context: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(context)) {
    const problem = environmentProblem(key);
    if (problem !== undefined) {
      throw new WizError('invalid_argument', `The context key "${key}" ${problem}.`);
    }
    if ((BUILT_IN_MACROS as readonly string[]).includes(key)) {
      throw new WizError('invalid_argument', `The context key "${key}" is a macro of wiz itself.`);
    }
    const param = Object.keys(spec.params).find((name) => environmentName(name) === key);
    if (param !== undefined) {
      const hint = `Give the param instead: -p ${param}=VALUE.`;
      throw new WizError(
        'invalid_argument',
        `The context key "${key}" is also the variable of param "${param}". ${hint}`,
      );
    }
  }
}

type Lookup = Map<string, () => JsonValue>;

function macroLookup(spec: PipelineSpec, values: MacroValues): Lookup {
  const lookup: Lookup = new Map();
  for (const [name, param] of Object.entries(spec.params)) {
    const absent = param.type === 'string' ? '' : null;
    lookup.set(environmentName(name), () => values.params[name] ?? absent);
  }
  let clock: ReturnType<typeof clockMacros> | undefined;
  const time = () => {
    clock ??= clockMacros(values.nowMs, values.timeZone);
    return clock;
  };
  lookup.set('RUN_ID', () => values.runId);
  lookup.set('PIPELINE', () => spec.name);
  lookup.set('DATE', () => time().date);
  lookup.set('TIME', () => time().time);
  lookup.set('DATETIME', () => time().dateTime);
  return lookup;
}

/** DATE `2026-03-01`, TIME `09:30:00`, DATETIME `2026-03-01T09:30:00+01:00`. */
function clockMacros(nowMs: number, timeZone: string): { date: string; time: string; dateTime: string } {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'longOffset',
    });
  } catch (cause) {
    throw new WizError('invalid_argument', `"${timeZone}" is not a time zone. Use a name such as UTC.`, {
      cause,
    });
  }
  const parts = Object.fromEntries(format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
  const date = `${parts.year!.padStart(4, '0')}-${parts.month}-${parts.day}`;
  const time = `${parts.hour}:${parts.minute}:${parts.second}`;
  // "GMT+01:00"; UTC itself is "GMT" or "GMT+00:00", by the version of the platform's tables.
  const offset = parts.timeZoneName!.slice('GMT'.length).replace(/^(\+00:00)?$/, 'Z');
  return { date, time, dateTime: `${date}T${time}${offset}` };
}

function fixProcessor(processor: ProcessorSpec, lookup: Lookup): ProcessorSpec {
  const env = mapValues(processor.env, (text) => substitute(text, lookup));
  return { ...processor, env, action: fixAction(processor.action, lookup) };
}

function fixAction(action: ActionSpec, lookup: Lookup): ActionSpec {
  switch (action.kind) {
    case 'script':
      return action;
    case 'program':
      return { ...action, argv: action.argv.map((text) => substitute(text, lookup)) };
    case 'call':
      return { ...action, with: mapValues(action.with, (value) => fixValue(value, lookup)) };
  }
}

function fixValue(value: JsonValue, lookup: Lookup): JsonValue {
  if (typeof value === 'string') {
    const name = wholeMacro(value);
    return name === undefined ? substitute(value, lookup) : macroValue(name, lookup);
  }
  if (Array.isArray(value)) return value.map((item) => fixValue(item, lookup));
  if (typeof value === 'object' && value !== null) return mapValues(value, (item) => fixValue(item, lookup));
  return value;
}

function substitute(text: string, lookup: Lookup): string {
  let result = '';
  let end = 0;
  for (const place of scanMacros(text)) {
    result += text.slice(end, place.start);
    if (place.kind === 'escape') result += '${';
    else {
      const value = macroValue(place.name ?? place.text, lookup);
      result += value === null ? '' : paramText(value);
    }
    end = place.start + place.text.length;
  }
  return result + text.slice(end);
}

function macroValue(name: string, lookup: Lookup): JsonValue {
  const value = lookup.get(name);
  if (value !== undefined) return value();
  const hint = didYouMean(nearest(name, [...lookup.keys()]));
  throw new WizError('invalid_argument', `There is no macro "${name}". ${hint}`.trim());
}

function mapValues<In, Out>(object: Record<string, In>, change: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}
