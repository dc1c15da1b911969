import type { Document, YAMLError } from 'yaml';
import type { Diagnostic } from '../../proto/error.ts';
import type { Report } from './source.ts';

/** One slip makes the parser complain about everything after it. */
const MAX_SYNTAX_ERRORS = 10;

/** What keeps a document from being read: the first complaint of each line; the others follow from it. */
export function syntaxErrors(document: Document.Parsed, report: Report): Diagnostic[] {
  const byLine = new Map<number, Diagnostic>();
  for (const error of [...document.errors, ...document.warnings]) {
    const { message, hint } = explainSyntax(error);
    const diagnostic = report(error.pos[0], message, hint);
    if (!byLine.has(diagnostic.line)) byLine.set(diagnostic.line, diagnostic);
    if (byLine.size === MAX_SYNTAX_ERRORS) break;
  }
  if (byLine.size === 0 && document.directives.yaml.version !== '1.2') {
    return [report(0, 'the file asks for an old version of YAML; it is read as YAML 1.2', 'Remove %YAML.')];
  }
  return [...byLine.values()];
}

/** The parser's complaint in plain words, and what usually helps. */
function explainSyntax(error: Pick<YAMLError, 'code' | 'message'>): { message: string; hint: string } {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { message: 'there is a tab in the indentation', hint: 'YAML indents with spaces only.' };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        message: 'a key and its value stand where only a value can',
        hint: 'Put text that holds ": " in quotes, or write it below a |. Or is the next line indented too far?',
      };
    case 'MULTILINE_IMPLICIT_KEY':
      return { message: 'a key runs over several lines', hint: 'Is a colon or a quote missing?' };
    case 'BAD_INDENT':
      return { message: lower(error.message), hint: 'Check the indentation and the brackets.' };
    case 'BAD_SCALAR_START':
      return { message: lower(error.message), hint: 'Put the text in quotes.' };
    case 'MISSING_CHAR':
      return { message: lower(error.message.replace(/closing (["'])quote/, 'closing quote $1')), hint: '' };
    case 'TAG_RESOLVE_FAILED':
      return { message: lower(error.message), hint: 'No tags are needed here; remove it.' };
    case 'RESOURCE_EXHAUSTION':
      return { message: 'maps and lists are nested too deep', hint: '' };
    case 'UNEXPECTED_TOKEN':
      return {
        message: lower(error.message),
        hint: 'Check the lines before it: indentation, dashes and quotes.',
      };
    default:
      return { message: lower(error.message), hint: '' };
  }
}

function lower(message: string): string {
  const text = message.replaceAll(/\s+/g, ' ').trim();
  const short = text.length > 200 ? `${text.slice(0, 197)}...` : text;
  return short.charAt(0).toLowerCase() + short.slice(1);
}
