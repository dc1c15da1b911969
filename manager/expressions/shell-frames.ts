import { Problem } from './problem.ts';

/** What can be open in a shell script, see scan-shell.ts. */

interface HereDocument {
  delimiter: string;
  isQuoted: boolean;
  /** `<<-`: tabs at the beginning of lines are dropped. */
  dropsTabs: boolean;
}

export interface Code {
  kind: 'code';
  end: '' | ')' | '`';
  /** Open parentheses and `case`s, whose patterns end with a parenthesis that was never opened. */
  open: ('(' | 'case')[];
  word: string;
  /** The next word is a command or a reserved word. */
  atCommand: boolean;
  /** Here documents that begin with the next line. */
  pending: HereDocument[];
}

export type Frame =
  | Code
  | { kind: 'single' | 'ansi' | 'double' | 'comment' | 'subscript' }
  | { kind: 'brace'; isInDouble: boolean }
  | { kind: 'arithmetic'; depth: number; end: ')' | ']' }
  | { kind: 'word'; document: HereDocument; quote: string }
  | { kind: 'here'; document: HereDocument; line: string; hasValue: boolean };

/** After these a command follows. */
const BEFORE_COMMANDS = new Set(['if', 'then', 'else', 'elif', 'do', 'while', 'until', '!', '{', 'time']);

export function code(end: Code['end']): Code {
  return { kind: 'code', end, open: [], word: '', atCommand: true, pending: [] };
}

export function endWord(frame: Code): void {
  const { word: ended, open } = frame;
  if (ended === '') return;
  frame.word = '';
  if (!frame.atCommand || BEFORE_COMMANDS.has(ended)) return;
  frame.atCommand = false;
  if (ended === 'case') open.push('case');
  else if (ended === 'esac' && open.at(-1) === 'case') open.pop();
}

export function isDelimiter({ document, line }: Extract<Frame, { kind: 'here' }>): boolean {
  return (document.dropsTabs ? line.replace(/^\t+/, '') : line) === document.delimiter;
}

export function checkLine(frame: Extract<Frame, { kind: 'here' }>): void {
  if (!frame.hasValue || !isDelimiter(frame)) return;
  throw new Problem(
    `A value has the line "${frame.document.delimiter}", which ends the here document it stands in.`,
  );
}
