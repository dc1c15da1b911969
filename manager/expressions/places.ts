/**
 * Where the expressions of a text are. Knows as much of CEL as it takes to find their ends (texts in quotes, braces,
 * comments) and nothing else, so that it costs nothing to import.
 */

/** Characters of one expression, in place of which an outline is easier to read; also bounds the search for its end. */
export const MAX_EXPRESSION = 10_000;

export interface TextPart {
  kind: 'text';
  /** As it is meant: `$${{` has become `${{`. */
  text: string;
}

export interface ExpressionPart {
  kind: 'expression';
  /** What stands between `${{` and `}}`. */
  source: string;
  /** Offset of `${{` in the text, and of what follows `}}`. */
  start: number;
  end: number;
  /** False when there is no `}}`. */
  closed: boolean;
}

export type Part = TextPart | ExpressionPart;

const OPEN = /\$\$\{\{|\$\{\{/g;

/** The parts of a text, in order; none is an empty text. */
export function splitText(text: string): Part[] {
  const parts: Part[] = [];
  let literal = '';
  let at = 0;
  OPEN.lastIndex = 0;
  for (let match = OPEN.exec(text); match !== null; match = OPEN.exec(text)) {
    literal += text.slice(at, match.index);
    at = match.index + match[0].length;
    if (match[0] === '$${{') {
      literal += '${{';
      continue;
    }
    if (literal !== '') parts.push({ kind: 'text', text: literal });
    literal = '';
    const end = expressionEnd(text, match.index);
    const closed = text.startsWith('}}', end - 2) && end - 2 >= at;
    const source = text.slice(at, closed ? end - 2 : end);
    parts.push({ kind: 'expression', source, start: match.index, end, closed });
    at = end;
    OPEN.lastIndex = end;
  }
  literal += text.slice(at);
  if (literal !== '') parts.push({ kind: 'text', text: literal });
  return parts;
}

export function hasExpressions(text: string): boolean {
  return text.includes('${{');
}

/**
 * Offset after the `}}` that ends the expression whose `${{` stands at `start`: the first one outside of texts in quotes
 * and of maps. Where quotes or braces do not close, it is the first `}}` of any kind, or the end of the text.
 */
export function expressionEnd(text: string, start: number): number {
  const from = start + '${{'.length;
  const limit = Math.min(text.length, from + MAX_EXPRESSION + 2);
  let depth = 0;
  for (let at = from; at < limit; at++) {
    switch (text[at]) {
      case '"':
      case "'":
        at = quotedEnd(text, at, limit) - 1;
        break;
      case '/':
        if (text[at + 1] === '/') at = commentEnd(text, at, limit) - 1;
        break;
      case '{':
        depth++;
        break;
      case '}':
        if (depth > 0) depth--;
        else if (text[at + 1] === '}') return at + 2;
        break;
    }
  }
  const first = text.indexOf('}}', from);
  return first === -1 ? text.length : first + 2;
}

function quotedEnd(text: string, start: number, limit: number): number {
  const quote = text[start]!;
  const isRaw =
    /[rR]/.test(text[start - 1] ?? '') && !/[A-Za-z0-9_]/.test(text[start - 2]?.replace(/[bB]/, '') ?? '');
  const end = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  for (let at = start + end.length; at < limit; at++) {
    if (text[at] === '\\' && !isRaw) at++;
    else if (text.startsWith(end, at)) return at + end.length;
  }
  return limit;
}

/** A comment may be followed by the end of the expression on the same line. */
function commentEnd(text: string, start: number, limit: number): number {
  for (let at = start; at < limit; at++) {
    if (text[at] === '\n' || text.startsWith('}}', at)) return at;
  }
  return limit;
}
