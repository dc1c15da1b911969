import { hasMarks, marksOf, quoteText } from '../../proto/marks.ts';
import type { JsonValue } from '../spec/spec.ts';
import { Problem } from './problem.ts';
import { type Scanner, scriptText } from './quote-script.ts';
import { type Code, checkLine, code, endWord, type Frame, isDelimiter } from './shell-frames.ts';

/**
 * Where in a shell script a value stands. The scanner keeps a stack of what is open:
 *
 *   code         commands: the script itself, `$(…)`, `` `…` ``; a value is one word
 *   single       '…'
 *   ansi         $'…' of bash
 *   double       "…"
 *   comment      # to the end of the line
 *   word         the word after <<, which ends a here document
 *   here         a here document, its delimiter in quotes (nothing is expanded) or not
 *   brace        ${…}            in these three bash evaluates what it reads again, so that
 *   arithmetic   $((…)), ((…))   even a value in quotes could become a command: only plain
 *   subscript    name[…]         words may stand there
 *
 * Where it cannot know for sure it says so by a Problem, and never guesses.
 */

const RESERVED = new Set(
  'if then else elif fi do done case esac while until for in select function time coproc'.split(' '),
);

/** Nothing in it means anything to a shell. */
const PLAIN = /^[A-Za-z0-9_.,:@%+/-]+$/;
/** The same where words are evaluated again or taken for patterns. */
const PLAINEST = /^[A-Za-z0-9_.,:@+-]*$/;

export function shellScanner(shell: 'bash' | 'sh'): Scanner {
  return new ShellScanner(shell === 'bash');
}

class ShellScanner implements Scanner {
  readonly #isBash: boolean;
  #frames: Frame[] = [code('')];
  /** The last character was a backslash that takes the meaning of the next. */
  #escaped = false;
  /** Why it is not known what is open. */
  #lost: string | undefined;

  constructor(isBash: boolean) {
    this.#isBash = isBash;
  }

  read(text: string): void {
    for (let at = 0; at < text.length; ) {
      this.#noteLine(text[at]!, false);
      at += this.#step(text, at);
    }
  }

  write(value: JsonValue, next: string): string {
    if (this.#lost !== undefined) throw new Problem(`here: ${this.#lost}.`);
    const text = scriptText(value);
    const written = this.#written(text, next);
    for (const char of written) this.#noteLine(char, true);
    return written;
  }

  end(): void {
    for (const frame of this.#frames) if (frame.kind === 'here') checkLine(frame);
  }

  get #top(): Frame {
    return this.#frames.at(-1)!;
  }

  #written(text: string, next: string): string {
    const frame = this.#top;
    const isLiteral = frame.kind === 'single' || frame.kind === 'comment';
    if (this.#escaped && !isLiteral) throw new Problem('after a backslash.');
    if (frame.kind !== 'comment') this.#checkEvaluatedAgain(text);
    const isInBackticks = this.#frames.some((open) => open.kind === 'code' && open.end === '`');
    if (isInBackticks && hasMarks(text)) throw new Problem('inside of `…`. Write $(…).');
    const written = this.#quoted(text, next);
    return isInBackticks ? written.replace(/[\\`$]/g, '\\$&') : written;
  }

  #quoted(text: string, next: string): string {
    const frame = this.#top;
    switch (frame.kind) {
      case 'code':
        frame.word += 'x';
        return word(text, next);
      case 'single':
      case 'double':
      case 'comment':
        return quoteText(text, frame.kind);
      case 'ansi':
        return quoteText(text, 'code');
      case 'here':
        return hereText(text, frame);
      case 'word':
        throw new Problem('as the end of a here document.');
      default:
        return text;
    }
  }

  /** From the innermost code on. */
  #checkEvaluatedAgain(text: string): void {
    const start = this.#frames.findLastIndex((frame) => frame.kind === 'code');
    const frame = this.#frames.slice(start).find(({ kind }) => AGAIN[kind] !== undefined);
    if (frame === undefined || PLAINEST.test(text)) return;
    const hint = 'Only letters, digits and _.,:@+- may; give it to a variable before, and name that.';
    throw new Problem(`inside of ${AGAIN[frame.kind]}. ${hint}`);
  }

  /** Returns how many characters it has taken. */
  #step(text: string, at: number): number {
    const char = text[at]!;
    const frame = this.#top;
    if (char === '`' && !this.#escaped && this.#endsBackticks()) return 1;
    if (this.#escaped) {
      this.#escaped = false;
      if (frame.kind === 'code') frame.word += '\\';
      return 1;
    }
    switch (frame.kind) {
      case 'code':
        return this.#code(frame, text, at);
      case 'single':
        if (char === "'") this.#frames.pop();
        return 1;
      case 'ansi':
        if (char === '\\') this.#escape();
        else if (char === "'") this.#frames.pop();
        return 1;
      case 'double':
        if (char === '"') this.#frames.pop();
        else return this.#expansion(text, at, true);
        return 1;
      case 'comment':
        if (char !== '\n') return 1;
        this.#frames.pop();
        return 0;
      case 'subscript':
        if (char === ']' || char === '\n') this.#frames.pop();
        else return this.#quoteOrExpansion(text, at);
        return 1;
      case 'brace':
        if (char === '}') this.#frames.pop();
        else if (char === "'" && frame.isInDouble)
          this.#lost ??= 'a single quote stands in a ${…} inside of "…", where its meaning is not certain';
        else return this.#quoteOrExpansion(text, at);
        return 1;
      case 'arithmetic':
        return this.#arithmetic(frame, text, at);
      case 'word':
        return this.#hereWord(frame, char);
      case 'here':
        return frame.document.isQuoted ? 1 : this.#expansion(text, at, true);
    }
  }

  #code(frame: Code, text: string, at: number): number {
    const char = text[at]!;
    switch (char) {
      case '\n':
        endWord(frame);
        frame.atCommand = true;
        this.#beginHere(frame);
        return 1;
      case ' ':
      case '\t':
      case '>':
        endWord(frame);
        return 1;
      case ';':
      case '&':
      case '|':
        endWord(frame);
        frame.atCommand = true;
        return 1;
      case '(':
        return this.#openParenthesis(frame, text, at);
      case ')':
        this.#closeParenthesis(frame);
        return 1;
      case '<':
        return this.#less(frame, text, at);
      case '#':
        if (frame.word === '') this.#frames.push({ kind: 'comment' });
        else frame.word += char;
        return 1;
      case '[':
        if (/^[A-Za-z_]\w*$/.test(frame.word)) this.#frames.push({ kind: 'subscript' });
        frame.word += char;
        return 1;
    }
    frame.word += char;
    return this.#quoteOrExpansion(text, at);
  }

  #quoteOrExpansion(text: string, at: number): number {
    const char = text[at];
    if (char === "'") this.#frames.push({ kind: 'single' });
    else if (char === '"') this.#frames.push({ kind: 'double' });
    else if (char === '$' && text[at + 1] === "'") {
      if (!this.#isBash) this.#lost ??= "before it stands $'…', which not every sh knows";
      this.#frames.push({ kind: 'ansi' });
      return 2;
    } else return this.#expansion(text, at, false);
    return 1;
  }

  /** What begins inside of "…" too. */
  #expansion(text: string, at: number, isInDouble: boolean): number {
    if (text[at] === '\\') this.#escape();
    else if (text[at] === '`') this.#frames.push(code('`'));
    else if (text.startsWith('$((', at)) {
      this.#frames.push({ kind: 'arithmetic', depth: 0, end: ')' });
      return 3;
    } else if (text.startsWith('$(', at)) {
      this.#frames.push(code(')'));
      return 2;
    } else if (text.startsWith('${', at)) {
      this.#frames.push({ kind: 'brace', isInDouble: isInDouble || this.#isBraceInDouble() });
      return 2;
    } else if (text.startsWith('$[', at) && this.#isBash) {
      this.#frames.push({ kind: 'arithmetic', depth: 0, end: ']' });
      return 2;
    }
    return 1;
  }

  #isBraceInDouble(): boolean {
    const frame = this.#top;
    return frame.kind === 'brace' && frame.isInDouble;
  }

  #escape(): void {
    this.#escaped = true;
    // There, a first reading takes backslashes away, and what a second one sees is not what is written.
    if (this.#frames.some((frame) => frame.kind === 'code' && frame.end === '`')) {
      this.#lost ??= 'a backslash stands inside of `…` before it. Write $(…)';
    }
  }

  #endsBackticks(): boolean {
    const start = this.#frames.findIndex((frame) => frame.kind === 'code' && frame.end === '`');
    if (start === -1) return false;
    this.#frames.length = start + 1;
    this.#close();
    return true;
  }

  #close(): void {
    const frame = this.#frames.pop() as Code;
    if (frame.pending.length > 0)
      this.#lost ??= 'a here document before it begins after its command has ended';
  }

  #openParenthesis(frame: Code, text: string, at: number): number {
    const isArithmetic = this.#isBash && frame.word === '' && text[at + 1] === '(';
    endWord(frame);
    if (isArithmetic) {
      this.#frames.push({ kind: 'arithmetic', depth: 0, end: ')' });
      return 2;
    }
    frame.open.push('(');
    frame.atCommand = true;
    return 1;
  }

  #closeParenthesis(frame: Code): void {
    endWord(frame);
    const last = frame.open.at(-1);
    if (last === '(') frame.open.pop();
    else if (last === undefined && frame.end === ')') this.#close();
    frame.atCommand = true;
  }

  #arithmetic(frame: Extract<Frame, { kind: 'arithmetic' }>, text: string, at: number): number {
    const char = text[at]!;
    if (frame.end === ']') {
      if (char === '[') frame.depth++;
      else if (char === ']' && frame.depth-- === 0) this.#frames.pop();
    } else if (char === '(') frame.depth++;
    else if (char === ')' && frame.depth > 0) frame.depth--;
    else if (char === ')') {
      this.#frames.pop();
      if (text[at + 1] === ')') {
        this.#noteLine(')', false);
        return 2;
      }
      this.#lost ??= 'something that begins with "((" before it does not end with "))"';
    }
    return this.#top === frame ? this.#expansion(text, at, false) : 1;
  }

  #less(frame: Code, text: string, at: number): number {
    endWord(frame);
    if (text.startsWith('<<<', at)) return 3;
    if (!text.startsWith('<<', at)) return 1;
    const dropsTabs = text[at + 2] === '-';
    this.#frames.push({
      kind: 'word',
      document: { delimiter: '', isQuoted: false, dropsTabs },
      quote: ' ',
    });
    return dropsTabs ? 3 : 2;
  }

  /** `quote`: a space before the word, then empty or the quote that is open. */
  #hereWord(frame: Extract<Frame, { kind: 'word' }>, char: string): number {
    const { document } = frame;
    if (frame.quote === ' ' && (char === ' ' || char === '\t')) return 1;
    if (frame.quote === "'" || frame.quote === '"') {
      if (char === frame.quote) frame.quote = '';
      else document.delimiter += char;
      return 1;
    }
    if (/[\s;&|()<>]/.test(char)) {
      this.#frames.pop();
      (this.#top as Code).pending.push(document);
      return 0;
    }
    frame.quote = '';
    if (char === "'" || char === '"') frame.quote = char;
    else if (char !== '\\') document.delimiter += char;
    if (/['"\\]/.test(char)) document.isQuoted = true;
    return 1;
  }

  #beginHere(frame: Code): void {
    const document = frame.pending.shift();
    if (document !== undefined) this.#frames.push({ kind: 'here', document, line: '', hasValue: false });
  }

  /** A line that is the delimiter ends a here document, whatever is open in it. */
  #noteLine(char: string, isValue: boolean): void {
    const index = this.#frames.findLastIndex((frame) => frame.kind === 'here');
    if (index === -1) return;
    const frame = this.#frames[index] as Extract<Frame, { kind: 'here' }>;
    frame.hasValue ||= isValue;
    if (char !== '\n') {
      frame.line += char;
      return;
    }
    checkLine(frame);
    if (isDelimiter(frame)) {
      this.#frames.length = index;
      this.#escaped = false;
      const owner = this.#top as Code;
      this.#beginHere(owner);
    } else {
      frame.line = '';
      frame.hasValue = isValue;
    }
  }
}

const AGAIN: Partial<Record<Frame['kind'], string>> = {
  brace: '${…}',
  arithmetic: '((…))',
  subscript: '[…] of an array',
};

function word(text: string, next: string): string {
  // Digits before < or > are the number of a file that is open.
  const isNumber = /^\d+$/.test(text) && /[<>]/.test(next);
  if (PLAIN.test(text) && !RESERVED.has(text) && !isNumber) return text;
  return `'${quoteText(text, 'single')}'`;
}

function hereText(text: string, { document, line }: Extract<Frame, { kind: 'here' }>): string {
  if (document.dropsTabs && (/\n\t/.test(text) || (/^\t*$/.test(line) && text.startsWith('\t')))) {
    throw new Problem('in a here document of <<-, which drops its tabs. Write <<.');
  }
  if (!document.isQuoted) return quoteText(text, 'here');
  if (marksOf(text).some((mark) => mark.kind === 'file' && mark.place.includes('\n'))) {
    throw new Problem(
      'in a here document whose end is in quotes, since the name of the file has a line break.',
    );
  }
  return text;
}
