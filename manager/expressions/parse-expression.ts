import { parse as parseCel } from '@bufbuild/cel';
import { MAX_EXPRESSION } from './places.ts';
import { Problem } from './problem.ts';

export type Parsed = ReturnType<typeof parseCel>;
export type Expr = NonNullable<Parsed['expr']>;

/** Deeper trees could overflow the stack, which has room for some 5,000 levels. */
export const MAX_DEPTH = 400;

/** Throws Problem. */
export function parseExpression(source: string): Expr {
  return parseSource(source).expr!;
}

/** With the offset of each part of the tree. Throws Problem. */
export function parseSource(source: string): Parsed {
  if (source.length > MAX_EXPRESSION) throw new Problem(`It is longer than ${MAX_EXPRESSION} characters.`);
  if (source.trim() === '') throw new Problem('It is empty.');
  try {
    return parseCel(source);
  } catch (error) {
    if (error instanceof RangeError) throw new Problem(TOO_DEEP);
    throw syntaxProblem(source, error as SyntaxFailure);
  }
}

/** What the parser throws. */
type SyntaxFailure = Error & { location?: { start: { offset: number } } };

function syntaxProblem(source: string, { location, message }: SyntaxFailure): Problem {
  const offset = location?.start.offset;
  if (offset === undefined) return new Problem(`${message}.`);
  const rest = source.slice(offset).trim();
  const problem = (text: string) => new Problem(text, false, offset);
  if (/reserved/.test(message)) {
    const [word] = /^\w*/.exec(rest)!;
    return problem(`"${word}" is a reserved word of CEL. For a field of that name write ["${word}"].`);
  }
  if (rest === '') return problem('It ends too early: something is not closed, or is missing.');
  const operator = /^(?:[-+*/%?:.,<>]|[<>=!]=|&&|\|\||in)$/.exec(rest);
  if (operator !== null) return problem(`It ends with "${rest}", after which a value is missing.`);
  if (/^=[^=]/.test(rest)) return problem('To compare, write "==" in place of "=".');
  if (/^&[^&]/.test(rest)) return problem('Write "&&" for "and".');
  if (/^\|[^|]/.test(rest)) return problem('Write "||" for "or"; there are no pipes in expressions.');
  if (/^["']/.test(rest)) return problem(`The text that begins here has no end: ${shortened(rest)}.`);
  if (/^[A-Za-z_]/.test(rest)) return problem(`Something is missing before ${shortened(rest)}.`);
  return problem(`It cannot be read from here on: ${shortened(rest)}.`);
}

function shortened(text: string): string {
  return text.length > 30 ? `${text.slice(0, 27)}...` : text;
}

export const TOO_DEEP = `It is nested too deep (more than ${MAX_DEPTH} levels).`;
