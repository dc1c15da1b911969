import { expressionEnd } from '../expressions/places.ts';

/**
 * What stands behind the `${` of a text. Macros are fixed when a run is created (macros.ts), expressions are evaluated
 * when a processor is about to run (../expressions). Between the two, a text may hold:
 *
 *   in the file      after fixMacros   after the evaluator
 *   ${NAME}          its value         the same
 *   $${NAME}         ${NAME}           the same
 *   ${{ … }}         ${{ … }}          its value
 *   $${{ … }}        $${{ … }}         ${{ … }}
 *   "${{" that a     $${{              ${{
 *   value brings in
 *
 * So after fixMacros `${{` begins an expression unless a `$` stands before it, and a text without `${{` is final.
 * Scripts are not looked through by fixMacros at all; the evaluator reads them by the same rule.
 */

export interface MacroPlace {
  /** `name` is undefined for what looks like a macro and is none: `${a b}`, `${X:-y}`, or no closing brace. */
  kind: 'macro' | 'expression' | 'escape';
  /** `ROOT`, `RANDOM:8` */
  name: string | undefined;
  /** As written, from `${` to `}`, of an expression to `}}`. */
  text: string;
  /** Offset in the text. */
  start: number;
  /** How many times the characters `${` stand in the text before this place; those of an expression's inside count. */
  occurrence: number;
}

// Tried in this order at each place: `$${` is a literal `${`, `${{` begins an expression, `${NAME}` is a macro.
const PLACE = /\$\$\{|\$\{\{|\$\{(RANDOM:\d{1,9}|[A-Za-z_][A-Za-z0-9_]*)\}|\$\{(?:(?!\$\{\{)[^}\n])*\}?/g;

/** Every macro, expression and escape of a text, in order. What is inside an expression belongs to it. */
export function scanMacros(text: string): MacroPlace[] {
  if (!text.includes('${')) return [];
  const places: MacroPlace[] = [];
  // A copy: a regular expression remembers where it is.
  const search = new RegExp(PLACE);
  let occurrence = 0;
  let counted = 0;
  for (let match = search.exec(text); match !== null; match = search.exec(text)) {
    const [found, name] = match;
    const start = match.index;
    const kind = found === '${{' ? 'expression' : found === '$${' ? 'escape' : 'macro';
    if (kind === 'expression') search.lastIndex = expressionEnd(text, start);
    // Of an escape the `${` is one further.
    const at = text.indexOf('${', start);
    for (let before = text.indexOf('${', counted); before < at; before = text.indexOf('${', before + 1))
      occurrence += 1;
    counted = at;
    places.push({ kind, name, text: text.slice(start, search.lastIndex), start, occurrence });
  }
  return places;
}

/** Text that `fixMacros` and the evaluator turn back into this one: for what was not written in a pipeline file. */
export function escapeMacros(text: string): string {
  return text.replaceAll('${', () => '$${');
}

/** Text that the evaluator turns back into this one. */
export function escapeExpressions(text: string): string {
  return text.replaceAll('${{', () => '$${{');
}

/** A string anywhere in the value holds a macro, so that its content is known only when a run is created. */
export function hasMacros(value: unknown): boolean {
  return someText(value, (text) => scanMacros(text).some((place) => place.kind === 'macro'));
}

/** A string anywhere in the value holds an expression, or what stands for the beginning of one (`$${{`). */
export function hasExpressions(value: unknown): boolean {
  return someText(value, (text) => text.includes('${{'));
}

function someText(value: unknown, holds: (text: string) => boolean): boolean {
  if (typeof value === 'string') return holds(value);
  if (typeof value !== 'object' || value === null) return false;
  for (const key in value) if (someText((value as Record<string, unknown>)[key], holds)) return true;
  return false;
}

/** The name when the whole text is one macro. */
export function wholeMacro(text: string): string | undefined {
  const place = wholePlace(text);
  return place?.kind === 'macro' ? place.name : undefined;
}

/** The whole text is one expression. */
export function isExpression(text: string): boolean {
  const place = wholePlace(text);
  return place?.kind === 'expression' && isClosed(place);
}

/** The `}}` of an expression is there. */
export function isClosed({ text }: MacroPlace): boolean {
  return text.length >= '${{}}'.length && text.endsWith('}}');
}

function wholePlace(text: string): MacroPlace | undefined {
  const [place] = scanMacros(text);
  return place?.text === text ? place : undefined;
}

/** Offset of one `${` of the text; undefined when there are not so many. */
export function placeOf(text: string, occurrence: number): number | undefined {
  let at = text.indexOf('${');
  for (let index = 0; index < occurrence && at !== -1; index++) at = text.indexOf('${', at + 1);
  return at === -1 ? undefined : at;
}
