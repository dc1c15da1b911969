/** Lists as PostgreSQL reads them in a text: the driver would quote each number too. */

export function numbers(values: number[]): string {
  return `{${values.join(',')}}`;
}

export function booleans(values: boolean[]): string {
  return `{${values.map((value) => (value ? 't' : 'f')).join(',')}}`;
}

export function texts(values: (string | null)[]): string {
  return `{${values.map(quoted).join(',')}}`;
}

const PLAIN = /^[0-9A-Za-z]+$/;

function quoted(value: string | null): string {
  if (value === null) return 'NULL';
  // What is nearly always an id; NULL is a word of this language.
  if (PLAIN.test(value) && value.length !== 4) return value;
  return `"${clean(value).replaceAll(/["\\]/g, '\\$&')}"`;
}

/** PostgreSQL has no NUL in a text: it becomes the character that stands for what cannot be shown. */
export function clean(value: string): string {
  return value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
}
