import { fromBinary } from '@bufbuild/protobuf';
import type { FileStore } from '../../files/file-store.ts';
import { dataJson, linesOf } from '../../proto/data.ts';
import { type Data, DataForm, DataSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { hasMarks, marksOf } from '../../proto/marks.ts';
import type { JsonValue } from '../spec/spec.ts';
import { Unfit } from './unfit.ts';

/** Most that an expression can look at. Bytes; the `readBytes` default of the file store. */
export const EXPRESSION_LIMIT_BYTES = 64 * 1024 * 1024;
/** What was read from the store is kept for the next processor of the run that asks, up to this much over all runs. */
const KEPT_BYTES = 2 * EXPRESSION_LIMIT_BYTES;

/** A value and its JSON text, as expressions and WIZ_INPUT have it. */
export interface Value {
  json: JsonValue;
  text: string;
}

/**
 * Values of processors as JSON. What is inline is parsed once; what is a file for its size is read from the store, and
 * kept for a while.
 */
export interface Values {
  /** A promise only when the store is read. Throws or rejects with Unfit (too-large, bad-value) or FileStoreError. */
  of(runId: string, data: Data | undefined): Value | Promise<Value>;
  forget(runId: string): void;
}

const NOTHING: Value = { json: null, text: 'null' };

export function createValues(files: FileStore): Values {
  const inline = new WeakMap<Data, Value>();
  // Used last is at the end.
  const read = new Map<string, { runId: string; value: Promise<Value>; size: number }>();
  let keptBytes = 0;

  function drop(key: string): void {
    keptBytes -= read.get(key)?.size ?? 0;
    read.delete(key);
  }

  function ofFile(runId: string, data: Data): Promise<Value> {
    const file = data.value.value as { hash: string; size: number };
    const key = `${runId} ${data.form} ${data.mediaType} ${file.hash}`;
    const known = read.get(key);
    drop(key);
    const value = known?.value ?? readValue(files, data);
    read.set(key, { runId, value, size: file.size });
    keptBytes += file.size;
    for (const oldest of read.keys()) {
      if (keptBytes <= KEPT_BYTES || oldest === key) break;
      drop(oldest);
    }
    if (known === undefined) value.catch(() => drop(key));
    return value;
  }

  return {
    of(runId, data) {
      if (data === undefined || data.value.case === undefined) return NOTHING;
      if (data.value.case === 'file') return ofFile(runId, data);
      let value = inline.get(data);
      if (value === undefined) {
        value = parsed(dataJson(data));
        inline.set(data, value);
      }
      return value;
    },
    forget(runId) {
      for (const [key, entry] of read) if (entry.runId === runId) drop(key);
    },
  };
}

async function readValue(files: FileStore, data: Data): Promise<Value> {
  if (data.value.case !== 'file') throw new Error('only a file is read');
  const { hash, size, mediaType } = data.value.value;
  if (size > EXPRESSION_LIMIT_BYTES) throw tooLarge(size);
  const bytes = await files.readBytes(hash, EXPRESSION_LIMIT_BYTES);
  return parsed(contentJson(data.form, bytes, data.mediaType || mediaType));
}

export function tooLarge(bytes: number): Unfit {
  const mib = (value: number) => `${Math.ceil(value / 1024 / 1024)} MiB`;
  return new Unfit(
    'too-large',
    `an expression uses a value of ${mib(bytes)}, and ${mib(EXPRESSION_LIMIT_BYTES)} is the most; hand it on as a file`,
  );
}

/** The content of a value that is a file, as `dataJson` has a value. */
export function contentJson(form: DataForm, bytes: Uint8Array, mediaType: string): string {
  const text = () => new TextDecoder().decode(bytes);
  const inline = (value: Data['value']) =>
    dataJson({ $typeName: 'wiz.v1.Data', value, mediaType, form: DataForm.UNSPECIFIED });
  switch (form) {
    case DataForm.JSON:
      return text();
    case DataForm.LINES:
      return JSON.stringify(linesOf(text()));
    case DataForm.TEXT:
      return inline({ case: 'text', value: text() });
    case DataForm.PROTOBUF:
      return dataJson(fromBinary(DataSchema, bytes));
    case DataForm.BYTES:
    case DataForm.UNSPECIFIED:
      return inline({ case: 'bytes', value: bytes });
  }
}

function parsed(text: string): Value {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new Unfit('bad-value', `an output that should be JSON is not: ${(cause as Error).message}`);
  }
  if (text.includes('\\u0000')) refuseMarks(json);
  return { json, text };
}

/** What a program gave must not pass for a mark: it would be given a secret or a file that is not its own. */
export function refuseMarks(value: JsonValue): void {
  if (typeof value === 'string') {
    if (hasMarks(value) && marksOf(value).length > 0)
      throw new Unfit('bad-value', 'an output holds, between NULs, what stands for files or secrets in wiz');
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      refuseMarks(key);
      refuseMarks(item);
    }
  }
}
