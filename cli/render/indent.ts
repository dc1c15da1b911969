/**
 * Lays JSON text out over lines, two spaces a level, as it comes in pieces: a document of any size needs no more memory
 * than a piece. What is no JSON stays no JSON. Lines begin at most MAX_LEVELS levels to the right, so that a value which
 * is nested 100,000 deep is not laid out over 20 GB.
 */
export interface Indenter {
  push(piece: string): string;
}

const MAX_LEVELS = 100;
const QUOTE = 34;
const BACKSLASH = 92;

export function createIndenter(): Indenter {
  let depth = 0;
  /** Behind { or [, of which nothing is known yet. */
  let opened = false;
  let inString = false;
  let escaped = false;

  const line = () => `\n${'  '.repeat(Math.min(depth, MAX_LEVELS))}`;

  /** The end of the string that `from` is in, or of the piece. */
  function stringEnd(piece: string, from: number): number {
    for (let at = from; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (escaped) escaped = false;
      else if (code === BACKSLASH) escaped = true;
      else if (code === QUOTE) {
        inString = false;
        return at + 1;
      }
    }
    return piece.length;
  }

  function close(char: string): string {
    depth -= 1;
    const text = opened ? char : line() + char;
    opened = false;
    return text;
  }

  function token(char: string): string {
    if (char === '}' || char === ']') return close(char);
    const before = opened ? line() : '';
    opened = false;
    if (char === ',') return `,${line()}`;
    if (char === ':') return ': ';
    if (char === '{' || char === '[') {
      depth += 1;
      opened = true;
    }
    return before + char;
  }

  return {
    push(piece) {
      let text = '';
      let at = 0;
      while (at < piece.length) {
        if (inString) {
          const end = stringEnd(piece, at);
          text += piece.slice(at, end);
          at = end;
          continue;
        }
        const char = piece[at++]!;
        if (char === ' ' || char === '\n' || char === '\t' || char === '\r') continue;
        text += token(char);
        if (char === '"') inString = true;
      }
      return text;
    },
  };
}
