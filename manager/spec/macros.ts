import { WizError } from '../../proto/error.ts';
import { environmentProblem } from './environment.ts';
import { didYouMean, nearest } from './nearest.ts';
import { environmentName, paramText } from './params.ts';
import {
  BUILT_IN_MACROS,
  MAX_RANDOM,
  RESERVED_NAMES,
  type RunClock,
  randomLength,
  randomText,
  runClock,
} from './run-macros.ts';
import { escapeExpressions, isExpression, type MacroPlace, scanMacros, wholeMacro } from './scan-macros.ts';
import type { ActionSpec, CacheSpec, JsonObject, JsonValue, PipelineSpec, ProcessorSpec } from './spec.ts';

export { escapeMacros, hasMacros } from './scan-macros.ts';

export interface MacroValues {
  /** Values by param name, as `resolveParams` gives them. */
  params: Readonly<JsonObject>;
  /** What the caller of the run gave: taken as it is, and wins over the pipeline's context. */
  context: Readonly<Record<string, string>>;
  /** The context of the run that starts this one: wins over the pipeline's. Keys that this pipeline cannot have, such
   *  as those of its params, are dropped: the parent knows nothing of them. */
  parentContext?: Readonly<Record<string, string>> | undefined;
  runId: string;
  nowMs: number;
  /** IANA name, for example Europe/Berlin or UTC: the zone of DATE, TIME and DATETIME where the pipeline names none. */
  timeZone: string;
}

/**
 * The spec of one run: every `${NAME}` replaced wherever macros work, the context joined with what the parent and the
 * caller gave, the time zone settled. What a macro brings in is not looked through again, neither for macros nor for
 * expressions; scan-macros.ts tells how they are told apart. Fix a spec once.
 *
 * Scripts are left to their shell; one that mentions DATE, RUN_ID, … gets it as a variable. A text in `with`, `each`
 * or `matrix` that is one macro and nothing else keeps the type of its param; one of an optional param without a
 * value is null there (a text param: the empty text), and the empty text elsewhere.
 */
export function fixMacros(spec: PipelineSpec, values: MacroValues): PipelineSpec {
  checkGivenContext(spec, values.context);
  const timeZone = spec.timeZone ?? values.timeZone;
  const lookup = macroLookup(spec, { ...values, timeZone });
  const given = { ...fitting(spec, values.parentContext ?? {}), ...values.context };
  const context: Record<string, string> = {};
  for (const [key, text] of Object.entries(spec.context)) {
    context[key] = Object.hasOwn(given, key) ? given[key]! : finalText(text, lookup);
  }
  Object.assign(context, given);
  for (const [key, text] of Object.entries(context)) lookup.known.set(key, () => text);

  const fixed: PipelineSpec = { ...spec, context, timeZone, processors: [] };
  if (spec.outputs !== null) {
    fixed.outputs = {
      files: mapValues(spec.outputs.files, (text) => openText(text, lookup)),
      records: spec.outputs.records.map(({ table, rows }) => ({ table, rows: openText(rows, lookup) })),
    };
  }
  for (const processor of spec.processors) fixed.processors.push(fixProcessor(processor, lookup));
  return fixed;
}

/** Why a key of a given context is none for this pipeline, as a sentence; undefined when it is one. */
function contextProblem(spec: PipelineSpec, key: string): string | undefined {
  const problem = environmentProblem(key);
  if (problem !== undefined) return `The context key "${key}" ${problem}.`;
  if (RESERVED_NAMES.includes(key)) return `The context key "${key}" is a macro of wiz itself.`;
  const param = Object.keys(spec.params).find((name) => environmentName(name) === key);
  if (param !== undefined) {
    const hint = `Give the param instead: -p ${param}=VALUE.`;
    return `The context key "${key}" is also the variable of param "${param}". ${hint}`;
  }
  if (Object.hasOwn(spec.secrets, key)) return `The context key "${key}" is also a secret of the pipeline.`;
  return undefined;
}

/** Keys that the file could not have had either. */
function checkGivenContext(spec: PipelineSpec, context: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(context)) {
    const problem = contextProblem(spec, key);
    if (problem !== undefined) throw new WizError('invalid_argument', problem);
  }
}

function fitting(spec: PipelineSpec, context: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(context).filter(([key]) => contextProblem(spec, key) === undefined),
  );
}

interface Lookup {
  /** By name, all but RANDOM:n. */
  known: Map<string, () => JsonValue>;
  runId: string;
}

function macroLookup(spec: PipelineSpec, values: MacroValues): Lookup {
  const known: Lookup['known'] = new Map();
  for (const [name, param] of Object.entries(spec.params)) {
    const absent = param.type === 'string' ? '' : null;
    known.set(environmentName(name), () => values.params[name] ?? absent);
  }
  let clock: RunClock | undefined;
  const time = () => {
    clock ??= runClock(values.nowMs, values.timeZone);
    return clock;
  };
  known.set('RUN_ID', () => values.runId);
  known.set('PIPELINE', () => spec.name);
  known.set('DATE', () => time().date);
  known.set('TIME', () => time().time);
  known.set('DATETIME', () => time().datetime);
  return { known, runId: values.runId };
}

// -- processors ----------------------------------------------------------------------------------------------

function fixProcessor(processor: ProcessorSpec, lookup: Lookup): ProcessorSpec {
  const { name, action, each, matrix, when, cache } = processor;
  return {
    ...processor,
    env: {
      ...scriptVariables(action, lookup),
      ...mapValues(processor.env, (text) => openText(text, lookup)),
    },
    action: fixAction(action, lookup),
    when: when === null ? null : fixWhen(when, name, lookup),
    each: each === null ? null : fixList(each, `"each" of processor "${name}"`, lookup),
    matrix:
      matrix === null
        ? null
        : mapEntries(matrix, (key, list) => fixList(list, `"matrix.${key}" of processor "${name}"`, lookup)),
    cache: cache === null ? null : fixCache(cache, lookup),
  };
}

const BUILT_IN_WORD = new RegExp(`\\b(?:${BUILT_IN_MACROS.join('|')})\\b`, 'g');

/** Built-in macros that a script mentions, as its variables. */
function scriptVariables(action: ActionSpec, lookup: Lookup): Record<string, string> {
  if (action.kind !== 'script') return {};
  const variables: Record<string, string> = {};
  for (const [name] of action.text.matchAll(BUILT_IN_WORD))
    variables[name] ??= String(macroValue(name, lookup));
  return variables;
}

function fixAction(action: ActionSpec, lookup: Lookup): ActionSpec {
  switch (action.kind) {
    case 'script':
      return action;
    case 'program':
      return { ...action, argv: action.argv.map((text) => openText(text, lookup)) };
    case 'call':
      return { ...action, with: mapValues(action.with, (value) => openValue(value, lookup)) };
  }
}

function fixWhen(when: string, name: string, lookup: Lookup): string {
  const text = openText(when, lookup);
  if (text === 'true' || text === 'false' || isExpression(text)) return text;
  throw new WizError(
    'invalid_argument',
    `"when" of processor "${name}" must be true or false; ${when} is "${text}".`,
  );
}

function fixList(list: JsonValue, what: string, lookup: Lookup): JsonValue {
  const value = openValue(list, lookup);
  if (typeof value === 'string' ? isExpression(value) : typeof value === 'object' && value !== null)
    return value;
  const found = value === null ? 'empty' : paramText(value);
  throw new WizError('invalid_argument', `${what} must be a list; ${list} is ${found || 'the empty text'}.`);
}

function fixCache(cache: CacheSpec, lookup: Lookup): CacheSpec {
  return { ...cache, version: finalText(cache.version, lookup), key: openText(cache.key, lookup) };
}

// -- texts ---------------------------------------------------------------------------------------------------

/** A value in which the evaluator will look for expressions. */
function openValue(value: JsonValue, lookup: Lookup): JsonValue {
  if (typeof value === 'string') {
    const name = wholeMacro(value);
    return name === undefined ? openText(value, lookup) : literalValue(macroValue(name, lookup));
  }
  if (Array.isArray(value)) return value.map((item) => openValue(item, lookup));
  if (typeof value === 'object' && value !== null) return mapValues(value, (item) => openValue(item, lookup));
  return value;
}

/** Every text of it escaped: the value was brought in by a macro. */
function literalValue(value: JsonValue): JsonValue {
  if (typeof value === 'string') return escapeExpressions(value);
  if (Array.isArray(value)) return value.map(literalValue);
  return typeof value === 'object' && value !== null ? mapValues(value, literalValue) : value;
}

/** A text in which the evaluator will look for expressions. */
function openText(text: string, lookup: Lookup): string {
  let result = '';
  let literal = '';
  let end = 0;
  for (const place of scanMacros(text)) {
    literal += text.slice(end, place.start);
    if (place.kind === 'expression') {
      result += literalBefore(literal) + place.text;
      literal = '';
    } else literal += literalText(place, lookup);
    end = place.start + place.text.length;
  }
  return result + escapeExpressions(literal + text.slice(end));
}

/** A `$` at its end would make an escape of the expression that follows, so it is an expression too. */
function literalBefore(literal: string): string {
  const [dollars] = /\$*$/.exec(literal)!;
  const start = escapeExpressions(literal.slice(0, literal.length - dollars.length));
  return dollars === '' ? start : `${start}\${{ "${dollars}" }}`;
}

/** A text that nobody looks through again. */
function finalText(text: string, lookup: Lookup): string {
  let result = '';
  let end = 0;
  for (const place of scanMacros(text)) {
    result += text.slice(end, place.start);
    result += place.kind === 'expression' ? place.text : literalText(place, lookup);
    end = place.start + place.text.length;
  }
  return result + text.slice(end);
}

function literalText(place: MacroPlace, lookup: Lookup): string {
  if (place.kind === 'escape') return '${';
  const value = macroValue(place.name ?? place.text, lookup);
  return value === null ? '' : paramText(value);
}

function macroValue(name: string, lookup: Lookup): JsonValue {
  const value = lookup.known.get(name);
  if (value !== undefined) return value();
  const length = randomLength(name);
  if (length !== undefined && length >= 1 && length <= MAX_RANDOM) return randomText(lookup.runId, length);
  const hint = didYouMean(nearest(name, [...lookup.known.keys()]));
  throw new WizError('invalid_argument', `There is no macro "${name}". ${hint}`.trim());
}

function mapValues<In, Out>(object: Record<string, In>, change: (value: In) => Out): Record<string, Out> {
  return mapEntries(object, (_key, value) => change(value));
}

function mapEntries<In, Out>(
  object: Record<string, In>,
  change: (key: string, value: In) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(key, value)]));
}
