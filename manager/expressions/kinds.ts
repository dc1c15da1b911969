import { isCelUint } from '@bufbuild/cel';
import { callLibrary } from './library.ts';
import { KeyedMap, List, type Value } from './values.ts';

/** A value in words. */
export function kindOf(value: Value): string {
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'bigint':
      return 'a whole number';
    case 'number':
      return 'a number';
  }
  if (value === null) return 'null';
  if (value instanceof List) return 'a list';
  if (value instanceof KeyedMap) return 'a map';
  if (value instanceof Uint8Array) return 'bytes';
  if (isCelUint(value)) return 'a whole number (uint)';
  return textOf(callLibrary('type', [value]))
    .replace(/^google\.protobuf\./, 'a ')
    .toLowerCase();
}

/** Text of a time, a duration or a type. */
export function textOf(value: Value): string {
  if (typeof value === 'object' && value !== null && 'kind' in value && 'name' in value)
    return String(value.name);
  return String(callLibrary('string', [value]));
}

/** A text in quotes, cut where it is long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}
