import { declared } from './check-params.ts';
import { mapOf } from './check-texts.ts';
import type { Complaint } from './explain.ts';
import type { Entry } from './places.ts';
import type { Path } from './subject.ts';

/** Where the entries of a map or list are written. */
export type EntriesOf = (container: object) => Map<string | number, Entry>;

/**
 * Where a text is wanted and a number or boolean stands, puts the text as it was written: `VERSION: 1.10` is
 * "1.10" and not "1.1". Replaces the maps it changes, because aliases may share them with places that want
 * the number.
 */
export function keepWrittenTexts(pipeline: Record<string, unknown>, entriesOf: EntriesOf): void {
  const keep = (
    owner: Record<string, unknown>,
    key: string,
    wants: (name: string) => boolean = () => true,
  ) => {
    const value = owner[key];
    if (typeof value !== 'object' || value === null) return;
    const entries = entriesOf(value);
    if (![...entries.values()].some((entry) => entry.written !== undefined)) return;
    const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string | number, unknown>;
    const copyEntries = entriesOf(copy);
    for (const [name, entry] of entries) {
      if (entry.written !== undefined && wants(String(name))) copy[name] = entry.written;
      copyEntries.set(name, entry);
    }
    owner[key] = copy;
  };

  const keepVersion = (owner: Record<string, unknown>) => {
    const cache = mapOf(owner.cache);
    const written = entriesOf(cache).get('version')?.written;
    if (written === undefined) return;
    const copy = { ...cache, version: written };
    for (const [name, entry] of entriesOf(cache)) entriesOf(copy).set(name, entry);
    owner.cache = copy;
  };

  keep(pipeline, 'context');
  keep(pipeline, 'labels');
  keep(mapOf(pipeline.outputs), 'files');
  keepVersion(pipeline);
  for (const secret of Object.values(mapOf(pipeline.secrets))) keep(mapOf(secret), 'command');
  keep(mapOf(pipeline.defaults), 'env');
  for (const processor of Object.values(mapOf(pipeline.processors))) {
    keep(mapOf(processor), 'env');
    keep(mapOf(processor), 'program');
    keepVersion(mapOf(processor));
  }
  for (const hook of listOf(pipeline.hooks)) {
    keep(mapOf(hook), 'command');
    keep(mapOf(mapOf(hook).webhook), 'headers');
  }
  for (const param of Object.values(mapOf(pipeline.params))) {
    const map = mapOf(param);
    if (map.type !== 'string') continue;
    keep(map, 'enum');
    const written = entriesOf(map).get('default')?.written;
    if (written !== undefined) map.default = written;
  }
  const params = mapOf(pipeline.params);
  const isText = (name: string) => Object.hasOwn(params, name) && declared(params[name]).type === 'string';
  for (const trigger of listOf(pipeline.triggers)) keep(mapOf(trigger), 'params', isText);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Numbers that JSON cannot hold, or only with other digits, in the places that take any value. */
export function checkNumbers(pipeline: Record<string, unknown>, entriesOf: EntriesOf): Complaint[] {
  const complaints: Complaint[] = [];
  const walk = (value: unknown, path: Path, written: string | undefined): void => {
    if (typeof value === 'number') {
      const problem = numberProblem(value, written);
      if (problem === undefined) return;
      complaints.push({
        path,
        at: 'value',
        message: `${written ?? value} ${problem}`,
        hint: 'Put it in quotes.',
      });
    } else if (typeof value === 'object' && value !== null) {
      for (const [step, entry] of entriesOf(value)) {
        walk((value as Record<string | number, unknown>)[step], [...path, step], entry.written);
      }
    }
  };
  walk(pipeline.params, ['params'], undefined);
  for (const [name, processor] of Object.entries(mapOf(pipeline.processors))) {
    for (const key of ['with', 'each', 'matrix'])
      walk(mapOf(processor)[key], ['processors', name, key], undefined);
  }
  return complaints;
}

function numberProblem(value: number, written: string | undefined): string | undefined {
  if (!Number.isFinite(value)) return 'is not a number that JSON can hold';
  const isWhole = written !== undefined && /^[-+]?(\d+|0x[\da-f]+|0o[0-7]+)$/i.test(written);
  if (isWhole && !Number.isSafeInteger(value)) return 'has more digits than a number keeps';
  return undefined;
}
