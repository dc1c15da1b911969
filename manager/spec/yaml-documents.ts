import { Composer, type Document, Lexer, Parser } from 'yaml';

/** The parser is recursive. plainDocument refuses what is deeper than 100 levels, and says where; past this many the
 *  parser would run out of stack, or out of time: 4 MiB of brackets keep it busy for 15 seconds. */
const MAX_LEVELS = 1_000;
/** What is no YAML from here on stays none, and each error costs: 4 MiB of them take half a minute. */
const MAX_ERRORS = 1_000;

/** The documents of a text, or the offset at which maps and lists are nested too deep to go on. */
export function readDocuments(text: string): { documents: Document.Parsed[] } | { tooDeepAt: number } {
  // Duplicate keys are found by plainDocument: the composer compares each key with each other.
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false });
  const parser = new Parser();
  const documents: Document.Parsed[] = [];
  let errors = 0;
  try {
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) {
        if (token.type === 'error') errors += 1;
        documents.push(...(composer.next(token) as Iterable<Document.Parsed>));
      }
      if (parser.stack.length > MAX_LEVELS) return { tooDeepAt: parser.offset };
      if (errors > MAX_ERRORS) break;
    }
    for (const token of parser.end()) documents.push(...(composer.next(token) as Iterable<Document.Parsed>));
    documents.push(...(composer.end() as Iterable<Document.Parsed>));
  } catch (error) {
    if (error instanceof RangeError) return { tooDeepAt: parser.offset };
    throw error;
  }
  return { documents };
}
