import type { FileStore } from '../../files/file-store.ts';
import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { OutputFile, OutputRecords } from '../../proto/gen/wiz/v1/events_pb.js';
import { hasMarks, marksOf, replaceMarks } from '../../proto/marks.ts';
import { mediaTypeOf } from '../../proto/media-type.ts';
import type { Conclusion } from '../engine/preparation.ts';
import { mentionsExpressions } from '../engine/preparation.ts';
import type { RunMachine } from '../engine/run.ts';
import type { Evaluator, FileValue, References, Scope } from '../expressions/expressions.ts';
import type { JsonObject, JsonValue } from '../spec/spec.ts';
import { checkRecords } from '../store/records.ts';
import type { NewRecords } from '../store/store.ts';
import { NO_REFERENCES } from './definition.ts';
import type { Late } from './late.ts';
import { isText, phrase } from './list.ts';
import { isFileValue, type Scopes } from './scope.ts';
import { Unfit } from './unfit.ts';

export interface ConcludeGround {
  loadEvaluator(): Late<Evaluator>;
  scopes: Scopes;
  files: FileStore;
}

/** What the `outputs` of a pipeline are at the end of a run. Throws Unfit (bad-output), ExpressionFailure,
 *  FileStoreError. */
export async function conclude(
  run: RunMachine,
  { loadEvaluator, scopes, files }: ConcludeGround,
): Promise<Conclusion & { rows?: NewRecords[] }> {
  const { outputs } = run.spec;
  if (outputs === null) return { kind: 'kept', files: [], records: [] };
  const texts: JsonValue = [outputs.files, outputs.records.map(({ rows }) => rows)];
  const evaluator = mentionsExpressions(texts) ? await loadEvaluator() : undefined;
  const scope = await scopes.of(run, undefined, evaluator?.references(texts) ?? NO_REFERENCES);
  const resultOf = (text: string) => evaluated(evaluator, text, scope);

  const kept = new Map<string, OutputFile>();
  for (const [path, text] of Object.entries(outputs.files)) {
    const processor = lastNamed(run, evaluator?.references(text));
    for (const content of contents(trimmed(path), resultOf(text), processor)) {
      if (kept.has(content.path))
        throw new Unfit('bad-output', `outputs.files has two files for ${content.path}; give a map of names`);
      kept.set(content.path, await outputFile(content, files));
    }
  }
  const records: OutputRecords[] = [];
  const rows: NewRecords[] = [];
  for (const { table, rows: text } of outputs.records) {
    const list = rowsOf(table, text, resultOf(text));
    const processor = lastNamed(run, evaluator?.references(text));
    records.push({ $typeName: 'wiz.v1.OutputRecords', table, processor, rows: list.length });
    rows.push({ table, processor, rows: list });
  }
  checkRows(rows);
  return { kind: 'kept', files: [...kept.values()], records, rows };
}

function evaluated(evaluator: Evaluator | undefined, text: string, scope: Scope): JsonValue {
  return evaluator === undefined ? text : evaluator.evaluateText(text, scope);
}

/** Of the processors that a text refers to, the last in the order of the file; empty when there is none. */
function lastNamed({ spec }: RunMachine, references: References | undefined): string {
  if (references === undefined) return '';
  const { outputs, files } = references;
  return spec.processors.findLast(({ name }) => outputs.has(name) || files.has(name))?.name ?? '';
}

/** Something to keep under a path: a file of a processor, or a value that becomes one. */
interface Content {
  path: string;
  value: JsonValue;
  processor: string;
}

/** Of a map or list of files, each below the path; of anything else the value itself. */
function contents(path: string, value: JsonValue, processor: string): Content[] {
  if (isFileValue(value) || !isFileTree(value)) return [{ path, value, processor }];
  if (Array.isArray(value)) {
    return value.flatMap((item) =>
      contents(isFileValue(item) ? `${path}/${item.name}` : path, item, processor),
    );
  }
  return Object.entries(value as JsonObject).flatMap(([name, item]) =>
    contents(`${path}/${name}`, item, processor),
  );
}

/** A list or map that holds files and nothing else. */
function isFileTree(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (isFileValue(value)) return true;
  const items = Object.values(value);
  return items.length > 0 && items.every(isFileTree);
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, '');
}

async function outputFile({ path, value, processor }: Content, files: FileStore): Promise<OutputFile> {
  checkPath(path);
  const kept = { $typeName: 'wiz.v1.OutputFile', path } as const;
  if (isFileValue(value)) return { ...kept, file: fileOf(value), processor: makerOf(value) || processor };
  if (value === null)
    throw new Unfit('bad-output', `outputs.files has nothing for ${path}: its value is null`);
  const content = bytesOf(value);
  const { hash, size } = await files.putBytes(content);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const file: File = {
    $typeName: 'wiz.v1.File',
    name,
    hash,
    size,
    mediaType: mediaTypeOf(path),
    folder: false,
  };
  return { ...kept, file, processor };
}

/** A path that leads out, or that no file system takes. */
function checkPath(path: string): void {
  const parts = path.split('/');
  if (!path.includes('\0') && parts.every((part) => part !== '' && part !== '.' && part !== '..')) return;
  throw new Unfit(
    'bad-output',
    `outputs.files has the path ${JSON.stringify(path)}; it must be relative, and no part of it empty, "." or ".."`,
  );
}

function fileOf({ name, hash, size, folder, mediaType }: FileValue): File {
  return { $typeName: 'wiz.v1.File', name, hash, size, folder, mediaType };
}

function makerOf({ path }: FileValue): string {
  const [mark] = marksOf(path);
  return mark?.kind === 'file' ? mark.place.slice(0, mark.place.indexOf('/')) : '';
}

/** A text as it is, an output of text or bytes form as what it was, anything else as JSON. */
function bytesOf(value: JsonValue): Uint8Array {
  if (typeof value === 'string') return Buffer.from(withoutMarks(value));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    if (isText(value)) return Buffer.from(withoutMarks(value.text));
    if (isBytes(value)) return Buffer.from(value.base64, 'base64');
  }
  return Buffer.from(`${JSON.stringify(unmarked(value), null, 2)}\n`);
}

function isBytes(value: JsonObject): value is { base64: string; mediaType: string } {
  return (
    Object.keys(value).length === 2 && typeof value.base64 === 'string' && typeof value.mediaType === 'string'
  );
}

function rowsOf(table: string, text: string, value: JsonValue): JsonObject[] {
  const rows = Array.isArray(value) ? value : [value];
  const wrong = rows.find((row) => typeof row !== 'object' || row === null || Array.isArray(row));
  if (wrong === undefined) return unmarked(rows) as JsonObject[];
  const what = Array.isArray(value) ? `one row of ${text}` : text;
  throw new Unfit(
    'bad-output',
    `outputs.records of table ${table} wants a list of objects, and ${what} is ${phrase(wrong)}`,
  );
}

/** What a store refuses would be refused with the whole commit, again and again: so it is asked before. */
function checkRows(rows: NewRecords[]): void {
  try {
    checkRecords(rows);
  } catch (error) {
    throw new Unfit('bad-output', (error as Error).message);
  }
}

/** What is kept stands for itself: a file by its place below the run, a secret not at all. */
function withoutMarks(text: string): string {
  return replaceMarks(text, (mark) => (mark.kind === 'file' ? mark.place : '***'));
}

function unmarked(value: JsonValue): JsonValue {
  if (typeof value === 'string') return hasMarks(value) ? withoutMarks(value) : value;
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unmarked(item)]));
}
