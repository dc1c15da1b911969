import { quoteText } from '../../proto/marks.ts';
import type { JsonValue } from '../spec/spec.ts';
import { Problem } from './problem.ts';
import { type Scanner, scriptText } from './quote-script.ts';

/** Where in a JavaScript or TypeScript a value stands: in code it is a literal, in a string or template its text. */

type Frame =
  /** `depth`: braces that are open in the script, or in a `${…}` of a template. */
  | { kind: 'code'; depth: number; isInTemplate: boolean; before: string }
  | { kind: 'string'; end: string }
  | { kind: 'template' }
  | { kind: 'line comment' | 'block comment' }
  | { kind: 'expression'; isInClass: boolean };

/** A slash after these begins a regular expression, after any other name a division. */
const BEFORE_VALUES = new Set(
  'return typeof instanceof in of new delete void throw case do else yield await default extends'.split(' '),
);

export function nodeScanner(): Scanner {
  return new NodeScanner();
}

class NodeScanner implements Scanner {
  #frames: Frame[] = [{ kind: 'code', depth: 0, isInTemplate: false, before: '' }];
  #escaped = false;
  /** Why it is not known what is open. */
  #lost: string | undefined;

  read(text: string): void {
    for (let at = 0; at < text.length; ) at += this.#step(text, at);
  }

  write(value: JsonValue): string {
    if (this.#lost !== undefined) throw new Problem(`here: ${this.#lost}.`);
    const frame = this.#top;
    if (frame.kind === 'line comment' || frame.kind === 'block comment') {
      return quoteText(scriptText(value), 'comment');
    }
    if (this.#escaped) throw new Problem('after a backslash.');
    switch (frame.kind) {
      case 'code': {
        // "return" and a value are two words.
        const space = /[\w$]$/.test(frame.before) ? ' ' : '';
        frame.before = 'x';
        return space + (typeof value === 'object' && value !== null ? literalAtStart(value) : literal(value));
      }
      case 'expression':
        throw new Problem('inside of a regular expression. Use new RegExp(…).');
      default:
        return quoteText(scriptText(value), 'code');
    }
  }

  get #top(): Frame {
    return this.#frames.at(-1)!;
  }

  /** Returns how many characters it has taken. */
  #step(text: string, at: number): number {
    const char = text[at]!;
    const frame = this.#top;
    if (this.#escaped) {
      this.#escaped = false;
      return 1;
    }
    switch (frame.kind) {
      case 'code':
        return this.#code(frame, text, at);
      case 'line comment':
        if (/[\n\r\u2028\u2029]/.test(char)) this.#frames.pop();
        return 1;
      case 'block comment':
        if (!text.startsWith('*/', at)) return 1;
        this.#frames.pop();
        return 2;
    }
    if (char === '\\') this.#escaped = true;
    else if (frame.kind === 'string') {
      if (char === frame.end || char === '\n') this.#frames.pop();
    } else if (frame.kind === 'template') {
      if (char === '`') this.#frames.pop();
      else if (text.startsWith('${', at)) {
        this.#frames.push({ kind: 'code', depth: 0, isInTemplate: true, before: '' });
        return 2;
      }
    } else if (char === '[') frame.isInClass = true;
    else if (char === ']') frame.isInClass = false;
    else if ((char === '/' && !frame.isInClass) || char === '\n') this.#frames.pop();
    return 1;
  }

  #code(frame: Extract<Frame, { kind: 'code' }>, text: string, at: number): number {
    const char = text[at]!;
    if (text.startsWith('//', at) || text.startsWith('/*', at)) {
      this.#frames.push({ kind: text[at + 1] === '/' ? 'line comment' : 'block comment' });
      return 2;
    }
    if (/\s/.test(char)) {
      // What stands before a slash may stand a line above, but is a word of its own.
      if (frame.before !== '' && !frame.before.endsWith(' ')) frame.before += ' ';
      return 1;
    }
    if (char === '"' || char === "'") this.#frames.push({ kind: 'string', end: char });
    else if (char === '`') this.#frames.push({ kind: 'template' });
    else if (char === '{') frame.depth++;
    else if (char === '}' && frame.depth-- === 0 && frame.isInTemplate) {
      this.#frames.pop();
      return 1;
    } else if (char === '/' && isValueNext(frame.before)) {
      this.#frames.push({ kind: 'expression', isInClass: false });
    } else if (
      char === '/' &&
      /[)}] ?$/.test(frame.before) &&
      /^[^\n]*['"`][^\n]*\//.test(text.slice(at + 1))
    ) {
      this.#lost ??= 'a "/" stands before it that may divide, or begin a regular expression with quotes';
    }
    frame.before = /[\w$]/.test(char) && /[\w$]$/.test(frame.before) ? frame.before + char : char;
    return 1;
  }
}

/** After what stands before, a value must follow: a slash is none that divides. */
function isValueNext(before: string): boolean {
  const last = before.trimEnd();
  return /[\w$]$/.test(last) ? BEFORE_VALUES.has(last) : !/[)\]}"'`/]$/.test(last);
}

/** In parentheses, so that a brace at the beginning of a line is no block. */
function literalAtStart(value: JsonValue): string {
  return Array.isArray(value) ? literal(value) : `(${literal(value)})`;
}

function literal(value: JsonValue): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' && value < 0) return `(${value})`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  // A key `__proto__` is one only in brackets.
  const key = (name: string) => (name === '__proto__' ? '["__proto__"]' : quoted(name));
  return `{${Object.entries(value)
    .map(([name, item]) => `${key(name)}: ${literal(item)}`)
    .join(', ')}}`;
}

function quoted(text: string): string {
  return `"${quoteText(text, 'code')}"`;
}
