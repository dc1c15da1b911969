import { hasMarks, quoteText } from '../../proto/marks.ts';
import type { JsonValue } from '../spec/spec.ts';
import { Problem } from './problem.ts';
import { type Scanner, scriptText } from './quote-script.ts';

/** Where in a Python script a value stands: in code it is a literal, in a string its text. */

interface Code {
  kind: 'code';
  /** Brackets that are open; in a replacement field of an f-string the one that it began with is the first. */
  depth: number;
  isField: boolean;
  /** Letters before a quote, which may be a prefix such as rb. */
  word: string;
}

interface StringLiteral {
  kind: 'string';
  end: string;
  isRaw: boolean;
  isFormat: boolean;
  isBytes: boolean;
}

type Frame = Code | StringLiteral | { kind: 'comment' };

export function pythonScanner(): Scanner {
  return new PythonScanner();
}

class PythonScanner implements Scanner {
  #frames: Frame[] = [{ kind: 'code', depth: 0, isField: false, word: '' }];
  #escaped = false;

  read(text: string): void {
    for (let at = 0; at < text.length; ) at += this.#step(text, at);
  }

  write(value: JsonValue): string {
    const frame = this.#top;
    if (frame.kind === 'comment') return quoteText(scriptText(value), 'comment');
    if (frame.kind === 'string') {
      if (this.#escaped) throw new Problem('after a backslash.');
      return inString(scriptText(value), frame);
    }
    if (this.#frames.some((open) => open.kind === 'string') && typeof value === 'string') {
      throw new Problem('inside of {…} of an f-string. Give it to a variable before, and name that.');
    }
    const space = frame.word === '' ? '' : ' ';
    frame.word = 'x';
    return space + literal(value);
  }

  get #top(): Frame {
    return this.#frames.at(-1)!;
  }

  /** Returns how many characters it has taken. */
  #step(text: string, at: number): number {
    const frame = this.#top;
    if (frame.kind === 'comment') {
      if (text[at] === '\n') this.#frames.pop();
      return 1;
    }
    return frame.kind === 'string' ? this.#string(frame, text, at) : this.#code(frame, text, at);
  }

  #string(frame: StringLiteral, text: string, at: number): number {
    const char = text[at]!;
    if (this.#escaped) {
      this.#escaped = false;
      return 1;
    }
    if (char === '\\') {
      this.#escaped = true;
      return 1;
    }
    if (text.startsWith(frame.end, at) || (char === '\n' && frame.end.length === 1)) {
      this.#frames.pop();
      return char === '\n' ? 1 : frame.end.length;
    }
    if (frame.isFormat && char === '{') {
      if (text[at + 1] === '{') return 2;
      this.#frames.push({ kind: 'code', depth: 1, isField: true, word: '' });
    }
    return 1;
  }

  #code(frame: Code, text: string, at: number): number {
    const char = text[at]!;
    const prefix = frame.word;
    frame.word = '';
    if (char === '"' || char === "'") {
      const end = text.startsWith(char.repeat(3), at) ? char.repeat(3) : char;
      this.#frames.push({
        kind: 'string',
        end,
        isRaw: /^[bfrt]*r[bft]?$/i.test(prefix),
        isFormat: /^r?[ft]r?$/i.test(prefix),
        isBytes: /^r?br?$/i.test(prefix),
      });
      return end.length;
    }
    if (char === '#') this.#frames.push({ kind: 'comment' });
    else if ('([{'.includes(char)) frame.depth++;
    else if (')]}'.includes(char)) {
      frame.depth--;
      if (frame.isField && frame.depth === 0) this.#frames.pop();
    } else if (/[\p{L}\p{N}_]/u.test(char)) frame.word = prefix + char;
    return 1;
  }
}

function inString(text: string, { isRaw, isFormat, isBytes }: StringLiteral): string {
  if (isRaw) {
    const isPlain = !hasMarks(text) && !/[\\'"\r\n]/.test(text) && !(isFormat && /[{}]/.test(text));
    const isWritable = isPlain && !(isBytes && /[^\0-\x7f]/.test(text));
    if (!isWritable)
      throw new Problem('inside of a raw string, which has no escapes. Write it without the r.');
    return text;
  }
  if (isBytes && /[^\0-\x7f]/.test(text)) {
    throw new Problem('inside of bytes, since it has other characters than ASCII.');
  }
  return quoteText(text, 'code');
}

function literal(value: JsonValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return value < 0 ? `(${value})` : String(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${quoted(key)}: ${literal(item)}`)
    .join(', ')}}`;
}

function quoted(text: string): string {
  return `'${quoteText(text, 'code')}'`;
}
