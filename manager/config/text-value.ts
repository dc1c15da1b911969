import { z } from 'zod';
import { cores } from './setting.ts';

/**
 * What a text of the environment or of a flag stands for, by what its setting takes. A text that does not fit stays as it
 * is: the schema then says what is expected.
 */
export function valueOfText(text: string, schema: z.ZodType): unknown {
  const kinds = cores(schema);
  if (kinds.some((kind) => kind instanceof z.ZodBoolean)) {
    const word = text.toLowerCase();
    if (['true', 'yes', 'on', '1'].includes(word)) return true;
    if (['false', 'no', 'off', '0'].includes(word)) return false;
  }
  if (
    kinds.some((kind) => kind instanceof z.ZodNumber) &&
    text.trim() !== '' &&
    Number.isFinite(Number(text))
  ) {
    return Number(text);
  }
  const isMap = kinds.some((kind) => kind instanceof z.ZodObject || kind instanceof z.ZodRecord);
  if (/^\s*[[{]/.test(text) && (isMap || listOf(kinds) !== undefined)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  const item = listOf(kinds);
  if (item === undefined || kinds.some((kind) => kind instanceof z.ZodString)) return text;
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => valueOfText(part, item));
}

function listOf(kinds: z.ZodType[]): z.ZodType | undefined {
  const list = kinds.find((kind) => kind instanceof z.ZodArray);
  return list?.element as z.ZodType | undefined;
}
