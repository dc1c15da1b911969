import type { JsonObject, JsonValue } from '../spec/spec.ts';

/**
 * Expressions: `${{ … }}` in CEL. This file is the contract; evaluating is in evaluate.ts, which loads the CEL library,
 * so it is itself imported with import() where an expression is first met.
 *
 * Texts come here as fixMacros has left them (spec/scan-macros.ts has the table): `${{` begins an expression unless a `$`
 * stands before it, whatever else of `${…}` is there is plain text, and `${{` that a param or context value brought in
 * has become `$${{`. Only scripts come as they were written; their `$${{` means the same.
 */

/** What an expression sees. Values are JSON; nothing is evaluated in them again. */
export interface Scope {
  params: JsonObject;
  context: Record<string, string>;
  /** Output of each processor upstream, as dataJson has it; a list, in order, of one with instances; null when it has
   *  none, or was skipped. */
  outputs: JsonObject;
  /** Files of each processor upstream by name, see FileValue. */
  files: Record<string, Record<string, FileValue>>;
  run: { [key: string]: JsonValue; id: string; pipeline: string };
  /** Empty in this version. */
  state: JsonObject;
  /** NAME -> mark. */
  secrets: Record<string, string>;
  /** Of an instance. */
  item?: JsonValue;
  index?: number;
  /** Of a hook: what it tells of. */
  event?: JsonObject;
}

/** A Wiz File in an expression. As text it is its path. */
export interface FileValue {
  [key: string]: JsonValue;
  name: string;
  hash: string;
  size: number;
  folder: boolean;
  mediaType: string;
  /** A mark (proto/marks.ts): the executor replaces it by the absolute path at which it has put the file. */
  path: string;
}

/** Names that a text's expressions use; what is not used need not be loaded. */
export interface References {
  outputs: Set<string>;
  files: Set<string>;
  params: Set<string>;
  context: Set<string>;
  secrets: Set<string>;
  item: boolean;
  index: boolean;
  run: boolean;
  /** `outputs` (files, …) as a whole, or with a name that is computed. */
  whole: Set<'outputs' | 'files' | 'params' | 'context' | 'secrets'>;
}

/** reason of the failure: bad-expression (does not fit the values, no such key, too costly). */
export class ExpressionFailure extends Error {
  readonly reason = 'bad-expression';
}

/** What evaluate.ts exports. Every function throws ExpressionFailure. */
export interface Evaluator {
  /** The value when the whole text is one expression; otherwise the text with each expression replaced by the text of
   *  its value (texts as they are, files their path, null nothing, anything else as JSON). `$${{` is `${{`. */
  evaluateText(text: string, scope: Scope): JsonValue;
  /** Every text anywhere in the value. */
  evaluateValue(value: JsonValue, scope: Scope): JsonValue;
  /** A script, each value written so that the language reads it as that value where it stands: bare, in quotes of
   *  either kind, in a here document. */
  evaluateScript(text: string, shell: 'bash' | 'sh' | 'python' | 'node', scope: Scope): string;
  references(value: JsonValue): References;
}
