import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** A TypeScript or JavaScript file of the repository, read for the house rules. */
export interface Source {
  /** From the root, with `/`. */
  path: string;
  text: string;
  /** The same text with comments and the insides of strings blanked; offsets and lines are the same. */
  code: string;
  imports: Import[];
}

export interface Import {
  line: number;
  /** As written, or the path from the root for a relative one. */
  target: string;
  relative: boolean;
  /** static: at start-up; dynamic: `import()`; type: erased. */
  kind: 'static' | 'dynamic' | 'type';
}

const IGNORED = ['**/node_modules', '**/dist', 'proto/gen', 'examples/**/out', '.git'];

/** Every file of the repository that people write, by path from the root. */
export function allFiles(root: string): string[] {
  return globSync('{*,.ci/*,*/**/*}', { cwd: root, exclude: IGNORED, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(root, posix.join(entry.parentPath, entry.name)))
    .sort();
}

export function readSource(root: string, path: string): Source {
  const text = readFileSync(join(root, path), 'utf8');
  const code = codeOf(text);
  return { path, text, code, imports: importsOf(path, text, code) };
}

/** Number of the line, from 1, of an offset. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

const STATIC = /^(import|export)\b(\s+type\b(?!\s*(?:,|from\b)))?[^;'"`]*?(?:\bfrom\s*)?['"]([^'"\n]+)['"]/gm;
const DYNAMIC = /\b(?:import|require)\(\s*['"]([^'"\n]+)['"]/g;

function importsOf(path: string, text: string, code: string): Import[] {
  const found: Import[] = [];
  const add = (offset: number, specifier: string, kind: Import['kind']): void => {
    // Blank there: it stands in a comment or in a string.
    if (code[offset] === ' ') return;
    const relative = specifier.startsWith('.');
    const target = relative ? posix.normalize(posix.join(posix.dirname(path), specifier)) : specifier;
    found.push({ line: lineOf(text, offset), target, relative, kind });
  };
  for (const match of text.matchAll(STATIC)) {
    // `export const x = 'y'` is no import.
    if (match[1] === 'export' && !/\bfrom\s*['"]/.test(match[0])) continue;
    add(match.index, match[3]!, match[2] ? 'type' : 'static');
  }
  for (const match of text.matchAll(DYNAMIC)) {
    const inType = /\btypeof\s*$/.test(text.slice(Math.max(0, match.index - 10), match.index));
    add(match.index, match[1]!, inType ? 'type' : 'dynamic');
  }
  return found;
}

/** Characters after which a slash begins a regular expression and does not divide. */
const BEFORE_REGEX = /(?:^|[=(,:;[!&|?{}<>+\-*%~^\n]|\b(?:return|typeof|case|of|in|=>))\s*$/;

/** Blanks comments, strings and regular expressions. Knows as much of the grammar as formatted code needs. */
export function codeOf(text: string): string {
  let out = '';
  let at = 0;
  /** Depths of braces at which a template's `${` goes on as template when closed. */
  const templates: number[] = [];
  let depth = 0;
  const blank = (end: number, keepEnds: boolean): void => {
    const part = text.slice(at, end);
    out += part.replace(/[^\n]/g, (character, index: number) =>
      keepEnds && (index === 0 || index === part.length - 1) ? character : ' ',
    );
    at = end;
  };
  const template = (): void => {
    let end = at + 1;
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end))
      end += text[end] === '\\' ? 2 : 1;
    if (text.startsWith('${', end)) {
      templates.push(depth++);
      blank(end + 2, true);
    } else blank(Math.min(end + 1, text.length), true);
  };
  while (at < text.length) {
    const character = text[at]!;
    if (text.startsWith('//', at) || (at === 0 && text.startsWith('#!'))) {
      const end = text.indexOf('\n', at);
      blank(end < 0 ? text.length : end, false);
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2);
      blank(end < 0 ? text.length : end + 2, false);
    } else if (character === "'" || character === '"') {
      blank(endOfQuoted(text, at, character), true);
    } else if (character === '`') {
      template();
    } else if (character === '}' && templates.at(-1) === depth - 1) {
      depth = templates.pop()!;
      template();
    } else if (character === '/' && BEFORE_REGEX.test(out.slice(-40))) {
      blank(endOfRegex(text, at), true);
    } else {
      if (character === '{') depth++;
      if (character === '}') depth--;
      out += character;
      at++;
    }
  }
  return out;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  let end = start + 1;
  while (end < text.length && text[end] !== quote && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
  return Math.min(end + 1, text.length);
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  let end = start + 1;
  while (end < text.length && (inClass || text[end] !== '/') && text[end] !== '\n') {
    if (text[end] === '[') inClass = true;
    if (text[end] === ']') inClass = false;
    end += text[end] === '\\' ? 2 : 1;
  }
  return Math.min(end + 1, text.length);
}
