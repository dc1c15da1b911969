import type { z } from 'zod';
import { factsOf, schemaAt } from './setting.ts';

const MASK = '***';

/** A value to be shown: without secrets, also those deep in lists and maps. Of an address only the password is one. */
export function masked(value: unknown, schema: z.ZodType | undefined): unknown {
  const { kind, secret } = factsOf(schema);
  if (secret && typeof value === 'string') {
    if (kind === 'address') return withoutPassword(value);
    return isReference(value) ? value : MASK;
  }
  if (secret && value !== undefined) return MASK;
  if (typeof value !== 'object' || value === null) return value;
  const inner = (step: string | number, part: unknown) => masked(part, schema && schemaAt(schema, [step]));
  if (Array.isArray(value)) return value.map((item, i) => inner(i, item));
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inner(key, part)]));
}

/** A text that says where a secret is, and not what it is. */
function isReference(text: string): boolean {
  return /^\$\{[^}]*\}$/.test(text);
}

/** `postgres://wiz:***@db/wiz`. Also for messages that name a store. */
export function withoutPassword(address: string): string {
  return address
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/?#]*):(.*)@/i, (whole, start: string, password: string) =>
      isReference(password) ? whole : `${start}:${MASK}@`,
    )
    .replace(/([?&](?:password|sslpassword)=)[^&]*/gi, `$1${MASK}`);
}
