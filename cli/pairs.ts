import { UsageError } from './usage.ts';

/** Turns `key=value` words into a map; the value may hold further `=`. */
export function pairs(flag: string, words: string[] | undefined): Record<string, string> {
  const map: Record<string, string> = {};
  for (const word of words ?? []) {
    const at = word.indexOf('=');
    if (at < 1) throw new UsageError(`${flag} wants key=value, not \`${word}\``);
    const key = word.slice(0, at);
    if (Object.hasOwn(map, key)) throw new UsageError(`${flag} gives \`${key}\` twice`);
    map[key] = word.slice(at + 1);
  }
  return map;
}
