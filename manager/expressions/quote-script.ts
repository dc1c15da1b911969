import { markedJson } from '../../proto/marks.ts';
import type { JsonValue } from '../spec/spec.ts';
import { Problem } from './problem.ts';
import { nodeScanner } from './scan-node.ts';
import { pythonScanner } from './scan-python.ts';
import { shellScanner } from './scan-shell.ts';

/** Follows a script and says how a value is written where it stands. */
export interface Scanner {
  /** A piece of the script as its author wrote it. */
  read(text: string): void;
  /** The value, written so that the language reads that value; `next` is what follows it, or empty. Throws Problem
   *  where that cannot be done. */
  write(value: JsonValue, next: string): string;
  /** Throws Problem when what has been written makes the script another one. */
  end?(): void;
}

export type ScriptPart = { text: string } | { source: string; value: JsonValue };

/** The script with the values in place. Throws Problem. */
export function quoteScript(parts: readonly ScriptPart[], shell: 'bash' | 'sh' | 'python' | 'node'): string {
  const scanner = scannerOf(shell);
  let result = '';
  for (const [index, part] of parts.entries()) {
    if ('text' in part) {
      scanner.read(part.text);
      result += part.text;
    } else {
      const next = parts[index + 1];
      result += explained(part.source, () =>
        scanner.write(part.value, next !== undefined && 'text' in next ? next.text[0]! : ''),
      );
    }
  }
  scanner.end?.();
  return result;
}

function scannerOf(shell: 'bash' | 'sh' | 'python' | 'node'): Scanner {
  switch (shell) {
    case 'python':
      return pythonScanner();
    case 'node':
      return nodeScanner();
    default:
      return shellScanner(shell);
  }
}

function explained(source: string, write: () => string): string {
  try {
    return write();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    throw new Problem(`The value of \`${source.trim()}\` cannot be written ${problem.message}`);
  }
}

/** As text: nothing of null, JSON of lists and maps. */
export function scriptText(value: JsonValue): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : markedJson(value);
}
