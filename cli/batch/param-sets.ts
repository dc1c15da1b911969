/**
 * The param sets of `wiz run --each`: JSON lines, each an object, or one JSON array of objects. What is wrong is told
 * with its place, all of it at once.
 */
import type { DocumentNode, ObjectNode, ParseOptions, ValueNode } from '@humanwhocodes/momoa';
import type { Diagnostic } from '../../proto/error.ts';
import { contentOf } from '../source.ts';
import { UsageError } from '../usage.ts';

export type ParamSet = Record<string, unknown>;

/** Something about a param set: `key` is the param it is about. */
export interface Problem {
  index: number;
  key?: string;
  message: string;
  hint?: string;
}

export interface ParamSets {
  sets: ParamSet[];
  /** An error with the place of each problem. */
  refusal(problems: Problem[]): Promise<UsageError>;
}

/** Errors of one file that are told. */
const ERRORS_TOLD = 20;

/** Reads a file; `-` is standard input. */
export async function readParamSets(path: string): Promise<ParamSets> {
  const bytes = path === '-' ? Buffer.concat(await process.stdin.toArray()) : await contentOf(path);
  const file = path === '-' ? '<stdin>' : path;
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const parsed = /^\s*\[/.test(text) ? await parseArray(file, text) : await parseLines(file, text);
  const wrong = parsed.sets.flatMap((set, index): Problem[] =>
    isObject(set) ? [] : [{ index, message: `params are one JSON object, not ${kindOf(set)}` }],
  );
  if (wrong.length > 0) throw await parsed.refusal(wrong);
  if (parsed.sets.length === 0)
    throw new UsageError(`${file} holds no params`, 'Write one JSON object a line.');
  return parsed;
}

async function parseLines(file: string, text: string): Promise<ParamSets> {
  const lines = text
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [{ text: line, number: i + 1 }]));
  const sets: ParamSet[] = [];
  const bad: Diagnostic[] = [];
  for (const { text, number } of lines) {
    const value = parsedOrUndefined(text);
    sets.push(value as ParamSet);
    if (value !== undefined) continue;
    bad.push(await placed(file, text, number - 1));
    if (bad.length === ERRORS_TOLD) break;
  }
  if (bad.length > 0) throw refused(bad);
  return {
    sets,
    refusal: async (problems) => {
      const found: Diagnostic[] = [];
      for (const problem of problems.slice(0, ERRORS_TOLD)) {
        const { text, number } = lines[problem.index]!;
        const { body } = await tree(text);
        found.push(diagnostic(file, body, problem, number - 1));
      }
      return refused(found, problems.length);
    },
  };
}

async function parseArray(file: string, text: string): Promise<ParamSets> {
  const sets = parsedOrUndefined(text) as ParamSet[] | undefined;
  if (!sets) throw refused([await placed(file, text, 0)]);
  return {
    sets,
    refusal: async (problems) => {
      const { body } = await tree(text);
      const elements = body.type === 'Array' ? body.elements : [];
      const told = problems.slice(0, ERRORS_TOLD);
      return refused(
        told.map((problem) => diagnostic(file, elements[problem.index]!.value, problem, 0)),
        problems.length,
      );
    },
  };
}

function parsedOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

async function tree(text: string, options: ParseOptions = { mode: 'json' }): Promise<DocumentNode> {
  const { parse } = await import('@humanwhocodes/momoa');
  return parse(text, options);
}

/** Where a problem is: at the param it is about, or at the beginning of its set. */
function diagnostic(file: string, node: ValueNode, problem: Problem, linesBefore: number): Diagnostic {
  const { key, message, hint = '' } = problem;
  const member = key === undefined ? undefined : memberOf(node, key);
  const { line, column } = (member ?? node).loc.start;
  return { file, line: line + linesBefore, column, message, hint };
}

function memberOf(node: ValueNode, key: string): ObjectNode['members'][number] | undefined {
  if (node.type !== 'Object') return undefined;
  return node.members.findLast(({ name }) => name.type === 'String' && name.value === key);
}

/** Where text stops being JSON. */
async function placed(file: string, text: string, linesBefore: number): Promise<Diagnostic> {
  try {
    await tree(text);
  } catch (error) {
    const { line, column, message } = error as { line: number; column: number; message: string };
    const what = message.replace(/ \(\d+:\d+\)$/, '').replace(/\.$/, '');
    return { file, line: line + linesBefore, column, message: `this is no JSON: ${what}`, hint: '' };
  }
  // Of what JSON does not allow the parser lets only control characters in texts pass.
  const { tokenize } = await import('@humanwhocodes/momoa');
  for (const { type, loc } of tokenize(text, { mode: 'json' })) {
    const at = type === 'String' ? text.slice(loc.start.offset, loc.end.offset).search(/\p{Cc}/u) : -1;
    if (at === -1) continue;
    const { line, column } = loc.start;
    const message = 'this is no JSON: a control character in a text';
    return { file, line: line + linesBefore, column: column + at, message, hint: '' };
  }
  return { file, line: 1 + linesBefore, column: 1, message: 'this is no JSON', hint: '' };
}

function refused(diagnostics: Diagnostic[], total = diagnostics.length): UsageError {
  const [first] = diagnostics;
  const more = total > diagnostics.length ? `; the first ${diagnostics.length} are told` : '';
  const message =
    total === 1
      ? `${first!.file}:${first!.line}:${first!.column}: ${first!.message}`
      : `${total} errors; nothing was started${more}`;
  return new UsageError(message, '', diagnostics);
}
