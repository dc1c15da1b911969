import type { Complaint } from './explain.ts';
import type { NearestFinder } from './nearest.ts';
import { environmentName } from './params.ts';
import { BUILT_IN_MACROS, MAX_RANDOM, randomLength } from './run-macros.ts';
import { isClosed, type MacroPlace, scanMacros } from './scan-macros.ts';
import type { Path } from './subject.ts';

/** More complaints about one text help nobody, and finding the place of each costs a look through the text. */
const MAX_PER_TEXT = 20;

/** A complaint about a part of a text. */
export interface TextComplaint extends Complaint {
  /** Which `${` of the value at `path`, from 0: how often the two characters stand before the place. */
  occurrence: number;
  /** Characters from there to what is meant. */
  offset?: number;
}

/** What works in a text: macros of these names, or none, or it is a script or a label, whose `${` is its own
 *  business; and expressions. */
interface Allowed {
  macros: readonly string[] | 'none' | 'any';
  expressions: boolean;
}

/**
 * Macros and expressions in the texts of one pipeline, as it stands in the file and whatever its shape: `${NAME}`
 * must be known where it is replaced, and neither works where nobody would look for it. What is inside an expression
 * is for check-expressions.ts.
 */
export function checkTexts(pipeline: Record<string, unknown>, nearest: NearestFinder): TextComplaint[] {
  const complaints: TextComplaint[] = [];
  const params = Object.keys(mapOf(pipeline.params)).map(environmentName);
  const context = Object.keys(mapOf(pipeline.context));
  const secrets = new Set(namesOf(pipeline.secrets));
  const early = [...params, ...BUILT_IN_MACROS];
  const all = [...new Set([...early, ...context])];

  const explainMacro = (place: MacroPlace, names: readonly string[]): [string, string] | undefined => {
    const { name, text } = place;
    if (name === undefined) return [`"${shorten(text)}" is not a macro`, ESCAPE_HINT];
    const length = randomLength(name);
    if (length !== undefined) {
      if (length >= 1 && length <= MAX_RANDOM) return undefined;
      return [`"${text}" must have a length from 1 to ${MAX_RANDOM}`, ''];
    }
    if (names.includes(name)) return undefined;
    if (names === early && context.includes(name)) {
      const hint = 'Only params and built-in macros work here.';
      return [`a context value cannot use the context key "${name}"`, hint];
    }
    const message = `unknown macro "${text}"`;
    if (name === 'RANDOM') return [message, 'Write ${RANDOM:8} for 8 random characters.'];
    if (secrets.has(name)) return [message, `Write \${{ secrets.${name} }} for the secret.`];
    const near = nearest(name, names);
    if (near !== undefined) return [message, `Did you mean "\${${near}}"?`];
    return [message, `Known macros: ${list([...names, 'RANDOM:n'])}. ${ESCAPE_HINT}`];
  };

  const explainPlace = (place: MacroPlace, allowed: Allowed): [string, string] | undefined => {
    if (place.kind === 'expression') {
      const text = shorten(place.text);
      if (!allowed.expressions) return [`expressions do not work here: "${text}"`, EXPRESSION_HINT];
      if (!isClosed(place)) return [`the expression "${text}" has no end`, OPEN_HINT];
    } else if (place.kind === 'macro' && allowed.macros === 'none') {
      return [`macros do not work here: "${shorten(place.text)}"`, 'Write it out.'];
    } else if (place.kind === 'macro' && typeof allowed.macros !== 'string') {
      return explainMacro(place, allowed.macros);
    }
    return undefined;
  };

  const walk = (value: unknown, path: Path, allowed: Allowed): void => {
    if (typeof value === 'string') {
      const before = complaints.length;
      for (const place of scanMacros(value)) {
        const explained = explainPlace(place, allowed);
        if (explained === undefined) continue;
        const [message, hint] = explained;
        complaints.push({ path, at: 'value', message, hint, occurrence: place.occurrence });
        if (complaints.length - before === MAX_PER_TEXT) break;
      }
    } else if (typeof value === 'object' && value !== null) {
      const isList = Array.isArray(value);
      for (const [key, item] of Object.entries(value))
        walk(item, [...path, isList ? Number(key) : key], allowed);
    }
  };

  const none: Allowed = { macros: 'none', expressions: false };
  const fixed: Allowed = { macros: all, expressions: false };
  const open: Allowed = { macros: all, expressions: true };
  const late: Allowed = { macros: 'none', expressions: true };
  const walkCache = (cache: unknown, path: Path) => {
    const { inputs, version, key } = mapOf(cache);
    walk(inputs, [...path, 'inputs'], none);
    walk(version, [...path, 'version'], fixed);
    walk(key, [...path, 'key'], open);
  };

  walk(pipeline.context, ['context'], { macros: early, expressions: false });
  walk(pipeline.secrets, ['secrets'], none);
  walk(pipeline.labels, ['labels'], { macros: 'any', expressions: false });
  walk(pipeline.workdir, ['workdir'], none);
  walkCache(pipeline.cache, ['cache']);
  walk(mapOf(pipeline.defaults).env, ['defaults', 'env'], open);
  for (const [name, processor] of Object.entries(mapOf(pipeline.processors))) {
    const map = mapOf(processor);
    const path = ['processors', name];
    walk(map.run, [...path, 'run'], { macros: 'any', expressions: true });
    for (const key of ['when', 'each', 'matrix', 'program', 'with', 'env']) {
      walk(map[key], [...path, key], open);
    }
    walk(map.workdir, [...path, 'workdir'], none);
    walkCache(map.cache, [...path, 'cache']);
  }
  walk(mapOf(pipeline.outputs).files, ['outputs', 'files'], open);
  for (const [index, hook] of (Array.isArray(pipeline.hooks) ? pipeline.hooks : []).entries()) {
    const path = ['hooks', index];
    const { webhook, command, run } = mapOf(hook);
    const { url, headers } = mapOf(webhook);
    walk(url, [...path, 'webhook', 'url'], late);
    walk(headers, [...path, 'webhook', 'headers'], late);
    walk(command, [...path, 'command'], late);
    walk(run, [...path, 'run'], { macros: 'any', expressions: true });
  }
  walk(pipeline.triggers, ['triggers'], none);
  const { records } = mapOf(pipeline.outputs);
  for (const [index, { rows }] of recordMaps(records).entries()) {
    const path = ['outputs', 'records', ...(Array.isArray(records) ? [index] : [])];
    walk(rows, [...path, 'rows'], open);
  }
  return complaints;
}

const ESCAPE_HINT = 'For these characters as they are write $${ in place of ${.';
const EXPRESSION_HINT =
  'They work in run, program, with, env, when, each, matrix, cache.key, outputs and hooks.';
const OPEN_HINT =
  'Close it, and what is in quotes or braces in it, with }}. For these characters as they are write $${{.';

/** A map, or an empty one for anything else. */
export function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

/** Names of a list of names, or of a map. */
export function namesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.filter((name) => typeof name === 'string');
  return Object.keys(mapOf(value));
}

/** `outputs.records`: one map, or a list of them. */
export function recordMaps(records: unknown): Record<string, unknown>[] {
  return (Array.isArray(records) ? records : [records]).map(mapOf);
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

function list(names: readonly string[]): string {
  return names.length > 20
    ? `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`
    : names.join(', ');
}
