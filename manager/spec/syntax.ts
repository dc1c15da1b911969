import type { YAMLError } from 'yaml';

/** The parser's complaint in plain words, and what usually helps. */
export function explainSyntax(error: Pick<YAMLError, 'code' | 'message'>): { message: string; hint: string } {
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
      return { message: lower(error.message), hint: '' };
    case 'TAG_RESOLVE_FAILED':
      return { message: lower(error.message), hint: 'Pipeline files need no tags; remove it.' };
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
