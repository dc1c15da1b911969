import type { z } from 'zod';
import { didYouMean, type NearestFinder } from './nearest.ts';
import { type Path, subjectOf } from './subject.ts';

type Issue = z.core.$ZodIssue;

/** One thing that is wrong, in words, and where: at the key or at the value of a path. */
export interface Complaint {
  path: Path;
  at: 'key' | 'value';
  message: string;
  hint: string;
}

export interface ExplainOptions {
  /** Keys that may stand at a path, for suggestions. */
  keysAt(path: Path): readonly string[];
  nearest: NearestFinder;
  /** A better word for an unknown key, or undefined. */
  unknownKey?(path: Path, key: string): Pick<Complaint, 'message' | 'hint'> | undefined;
}

/**
 * Issues of a checked value in plain sentences. Messages of our own schemas are the end of a sentence ("must
 * be …", "has …"); issues of schemas that processors publish get their sentence from the issue's code.
 */
export function explain(issue: Issue, root: unknown, base: Path, options: ExplainOptions): Complaint[] {
  const path = [...base, ...(issue.path as (string | number)[])];
  const value = valueAt(root, path);
  if (value === undefined && issue.code !== 'custom') return [missing(path, issue)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key, options));
    case 'invalid_key':
    case 'invalid_element': {
      const inner = issue.issues[0]?.message ?? 'is not allowed';
      const what = subjectOf(path.slice(0, -1));
      const name = `"${String(path.at(-1))}"`;
      return [
        {
          path,
          at: 'key',
          message: `the name ${name} in ${what} ${predicate(inner, 'is not allowed')}`,
          hint: '',
        },
      ];
    }
    case 'invalid_union': {
      const branch = nearestBranch(issue.errors);
      if (branch !== undefined) {
        return branch.flatMap((inner) => explain(inner, root, path, options));
      }
      break;
    }
  }
  const says = predicate(issue.message, `must be ${expected(issue)}`);
  // What stands there helps, unless the sentence is about it already.
  const found = issue.code !== 'custom' && /^must (be|start) /.test(says) ? standsThere(value) : '';
  // A refinement of a map is about the map as a whole: its name is the place to look.
  const at = issue.code === 'custom' && typeof value === 'object' ? 'key' : 'value';
  return [{ path, at, message: `${subjectOf(path)} ${says}${found}`, hint: hintFor(path, value, says) }];
}

function missing(path: Path, issue: Issue): Complaint {
  const owner = path.slice(0, -1);
  const key = String(path.at(-1));
  const choice = issue.code === 'invalid_value' ? ` with ${expected(issue)}` : '';
  const message = `${subjectOf(owner)} has no "${key}"`;
  return { path: owner, at: 'key', message, hint: `Add "${key}:"${choice}.` };
}

function unknownKey(path: Path, key: string, options: ExplainOptions): Complaint {
  const place = { path: [...path, key], at: 'key' as const };
  const better = options.unknownKey?.(path, key);
  if (better !== undefined) return { ...place, ...better };
  const where = path.length === 0 ? '' : ` in ${subjectOf(path)}`;
  const known = options.keysAt(path);
  const near = options.nearest(key, known);
  const list =
    known.length === 0 ? 'There are no keys here.' : `Known keys: ${known.slice(0, 30).join(', ')}.`;
  return {
    ...place,
    message: `unknown key "${key}"${where}`,
    hint: near === undefined ? list : didYouMean(near),
  };
}

/** The branch of a union that was meant: the one whose outer shape fits. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) =>
    issues.every((issue) => issue.path.length > 0 || !['invalid_type', 'invalid_union'].includes(issue.code)),
  );
}

function predicate(message: string, otherwise: string): string {
  return /^(must|has|is) /.test(message) ? message : otherwise;
}

function expected(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.length === 1
        ? JSON.stringify(issue.values[0])
        : `one of ${issue.values.map((value) => String(value)).join(', ')}`;
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unit(issue.origin)}`;
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_format':
      if (issue.format === 'regex') return `text that matches ${String(issue.pattern)}`;
      return issue.format === 'url' ? 'a URL' : `a valid ${issue.format}`;
    case 'invalid_union':
      return alternatives(issue.errors);
    default:
      return `valid (${issue.message})`;
  }
}

const TYPE_WORDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  null: 'empty',
  array: 'a list',
  tuple: 'a list',
  object: 'a map',
  record: 'a map',
};

function alternatives(branches: readonly (readonly Issue[])[]): string {
  const words = branches.flatMap((issues) => issues.slice(0, 1).map(expected));
  return [...new Set(words)].join(' or ') || 'of another kind';
}

function unit(origin: string): string {
  switch (origin) {
    case 'string':
      return ' characters long';
    case 'array':
      return ' items long';
    case 'object':
      return ' keys long';
    default:
      return '';
  }
}

function standsThere(value: unknown): string {
  return value === null ? ', but it is empty' : `, not ${describe(value)}`;
}

/** What stands there, in few words. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') {
    if (value === '') return 'the empty text';
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  }
  return typeof value === 'number' ? `the number ${value}` : String(value);
}

function hintFor(path: Path, value: unknown, says: string): string {
  if (value === null) return 'Give it a value, or remove it.';
  const key = path.at(-1);
  if (path.length === 1 && key === 'processors' && Array.isArray(value)) {
    return 'Write each processor as "NAME:" with its keys below it, without a dash.';
  }
  if (key === 'program' && typeof value === 'string') {
    return 'Write program: [NAME, ARGUMENT], or use run for a line of shell.';
  }
  const wantsDuration = says.includes('duration');
  if (wantsDuration && typeof value === 'number' && value >= 0) return `Write ${value}s for seconds.`;
  const wantsText = /^must be (text|a name)/.test(says);
  if (wantsText && (typeof value === 'number' || typeof value === 'boolean'))
    return `Write it in quotes: "${value}".`;
  if (wantsText && typeof value === 'object') return 'Put text that starts with {, [ or * in quotes.';
  return '';
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
