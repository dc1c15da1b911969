import type { DescMessage, Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';

/**
 * What a call was done to, for the audit: names and ids, from the request and from the answer. Fields are chosen by their
 * names, so that one which nobody thought of (a secret, the content of a file) is left out.
 */
const TELLING = new Set([
  'run_id',
  'run_ids',
  'token_id',
  'executor_id',
  'executor_ids',
  'name',
  'names',
  'pipeline',
  'delivery_id',
  'path',
  'table',
  'address',
]);
/** Of messages in the message: `run.run_id`, `file.path`, `token.name`. */
const DEPTH = 1;
/** Values that are told of a list. */
const FIRST = 3;
/** Characters of a value, and of all of them. */
const LONGEST_VALUE = 100;
const LONGEST = 300;

export function targetOf(schema: DescMessage, message: Message): string {
  const values = new Set<string>();
  collect(schema, message, DEPTH, values);
  return [...values].join(' ').slice(0, LONGEST);
}

/** Both, each value once. */
export function joinTargets(before: string, after: string): string {
  const had = new Set(before.split(' '));
  const added = after.split(' ').filter((value) => value !== '' && !had.has(value));
  return [before, ...added]
    .filter((value) => value !== '')
    .join(' ')
    .slice(0, LONGEST);
}

function collect(schema: DescMessage, message: Message, depth: number, values: Set<string>): void {
  const reflected = reflect(schema, message);
  for (const field of schema.fields) {
    if (!reflected.isSet(field)) continue;
    if (field.fieldKind === 'scalar' && TELLING.has(field.name)) {
      add(values, reflected.get(field));
    } else if (field.fieldKind === 'list' && field.listKind === 'scalar' && TELLING.has(field.name)) {
      const list = [...reflected.get(field)];
      for (const value of list.slice(0, FIRST)) add(values, value);
      if (list.length > FIRST) values.add(`+${list.length - FIRST}`);
    } else if (depth > 0 && field.fieldKind === 'message') {
      collect(field.message, reflected.get(field).message, depth - 1, values);
    } else if (depth > 0 && field.fieldKind === 'list' && field.listKind === 'message') {
      const list = [...reflected.get(field)];
      for (const one of list.slice(0, FIRST) as ReflectMessage[]) {
        collect(field.message, one.message, depth - 1, values);
      }
    }
  }
}

function add(values: Set<string>, value: unknown): void {
  if (typeof value !== 'string' || value === '') return;
  values.add(clean(value));
}

/** On one line, and nothing that a terminal would obey. */
export function clean(text: string): string {
  return text.slice(0, LONGEST_VALUE).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, '_');
}
