import type { AttemptSecrets } from '../secrets/secrets.ts';

/**
 * A JSON document without the values of secrets. Its strings and names are looked at as they are read, not as they are
 * escaped; a number that is a secret becomes a string, so that what is left is JSON.
 */
export function redactedJson(json: string, secrets: AttemptSecrets): string {
  let changed = false;
  const hide = (text: string): string => {
    const redacted = secrets.redactText(text);
    if (redacted !== text) changed = true;
    return redacted;
  };
  const clean = redactedValue(JSON.parse(json), hide);
  return changed ? JSON.stringify(clean) : json;
}

function redactedValue(value: unknown, hide: (text: string) => string): unknown {
  if (typeof value === 'string') return hide(value);
  if (typeof value === 'number') {
    const text = String(value);
    const redacted = hide(text);
    return redacted === text ? value : redacted;
  }
  if (Array.isArray(value)) return value.map((item) => redactedValue(item, hide));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [hide(name), redactedValue(item, hide)]);
  return Object.fromEntries(entries);
}
