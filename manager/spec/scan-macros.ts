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
}

// Tried in this order at each place: `$${` is a literal `${`, `${{` begins an expression, `${NAME}` is a macro.
const PLACE = /\$\$\{|\$\{\{|\$\{(RANDOM:\d{1,9}|[A-Za-z_][A-Za-z0-9_]*)\}|\$\{(?:(?!\$\{\{)[^}\n])*\}?/g;

/** Every macro, expression and escape of a text, in order. What is inside an expression belongs to it. */
export function scanMacros(text: string): MacroPlace[] {
  if (!text.includes('${')) return [];
  const places: MacroPlace[] = [];
  // A copy: a regular expression remembers where it is.
  const search = new RegExp(PLACE);
  for (let match = search.exec(text); match !== null; match = search.exec(text)) {
    const [found, name] = match;
    const start = match.index;
    if (found === '${{') {
      search.lastIndex = expressionEnd(text, start);
      const written = text.slice(start, search.lastIndex);
      places.push({ kind: 'expression', name: undefined, text: written, start });
    } else {
      places.push({ kind: found === '$${' ? 'escape' : 'macro', name, text: found, start });
    }
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

/** Which `${` of the text stands at the place, from 0. */
export function occurrenceOf(text: string, { kind, start }: MacroPlace): number {
  const at = kind === 'escape' ? start + 1 : start;
  return text.slice(0, at).split('${').length - 1;
}

/** Offset of one `${` of the text; undefined when there are not so many. */
export function placeOf(text: string, occurrence: number): number | undefined {
  let at = text.indexOf('${');
  for (let index = 0; index < occurrence && at !== -1; index++) at = text.indexOf('${', at + 1);
  return at === -1 ? undefined : at;
}
