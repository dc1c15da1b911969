import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';
import { create } from '@bufbuild/protobuf';
import type { FileStore } from '../../files/file-store.ts';
import { dataJson, INLINE_LIMIT_BYTES, linesOf } from '../../proto/data.ts';
import { createDataDecoder, DataCodecError, jsonData } from '../../proto/data-codec.ts';
import { type Data, DataForm, DataSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { AttemptFailure } from './attempt-failure.ts';
import { createJsonCheck, JsonFault } from './json-check.ts';
import { BYTES_TYPE, fileValue, keepValue, type Output } from './kept-values.ts';
import { createUtf8Check } from './utf8-check.ts';

/** Standard output as the value that its form says it is. Fails with bad-output when it is not that. */
export function valueOfStdout(
  content: { bytes: Uint8Array } | { file: string },
  form: DataForm,
  store: FileStore,
): Output | Promise<Output> {
  return 'bytes' in content ? smallValue(content.bytes, form, store) : largeValue(content.file, form, store);
}

function smallValue(bytes: Uint8Array, form: DataForm, store: FileStore): Output | Promise<Output> {
  switch (form) {
    case DataForm.JSON:
      return smallJson(bytes);
    case DataForm.TEXT:
      return { data: dataOf('text', textOf(bytes, form)), bytes: bytes.length };
    case DataForm.LINES:
      return lineValue(bytes, store);
    case DataForm.BYTES:
      return { data: dataOf('bytes', bytes), bytes: bytes.length };
    case DataForm.PROTOBUF:
      return messagesValue([bytes], store);
    default: {
      if (bytes.length === 0) return { data: undefined, bytes: 0 };
      const data = isUtf8(bytes) ? dataOf('text', decode(bytes)) : dataOf('bytes', bytes);
      return { data, bytes: bytes.length };
    }
  }
}

function lineValue(bytes: Uint8Array, store: FileStore): Output | Promise<Output> {
  const json = JSON.stringify(linesOf(textOf(bytes, DataForm.LINES)));
  // Quotes and commas make the list longer than the text.
  const size = Buffer.byteLength(json);
  if (size <= INLINE_LIMIT_BYTES) return { data: jsonData(json), bytes: size };
  return store.putBytes(bytes).then((object) => fileValue(object, DataForm.LINES));
}

function smallJson(bytes: Uint8Array): Output {
  // A program that has nothing to say, and leaves files perhaps.
  if (bytes.length === 0) return { data: undefined, bytes: 0 };
  const json = textOf(bytes, DataForm.JSON);
  checkJson(json, 'standard output');
  return { data: jsonData(json), bytes: bytes.length };
}

/** Throws bad-output with the line. */
export function checkJson(json: string, what: string): void {
  try {
    JSON.parse(json);
  } catch (error) {
    throw badOutput(`${what} ${faultOf(json) ?? (error as Error).message}`);
  }
}

function faultOf(json: string): string | undefined {
  const check = createJsonCheck();
  try {
    check.push(Buffer.from(json));
    check.end();
  } catch (error) {
    return (error as Error).message;
  }
}

function textOf(bytes: Uint8Array, form: Textual): string {
  if (isUtf8(bytes)) return decode(bytes);
  const check = createUtf8Check();
  throw notUtf8(check.push(bytes) ?? check.end() ?? 0, form);
}

type Textual = DataForm.JSON | DataForm.TEXT | DataForm.LINES;

function notUtf8(offset: number, form: Textual): AttemptFailure {
  const name = { [DataForm.JSON]: 'json', [DataForm.TEXT]: 'text', [DataForm.LINES]: 'lines' }[form];
  return badOutput(`standard output is not UTF-8 at byte ${offset}, as data: ${name} wants it`);
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function dataOf(kind: 'text', value: string): Data;
function dataOf(kind: 'bytes', value: Uint8Array): Data;
function dataOf(kind: 'text' | 'bytes', value: string | Uint8Array): Data {
  const mediaType = kind === 'bytes' ? BYTES_TYPE : '';
  return create(DataSchema, { value: { case: kind, value } as Data['value'], mediaType });
}

async function largeValue(file: string, form: DataForm, store: FileStore): Promise<Output> {
  if (form === DataForm.PROTOBUF) return messagesValue(() => fs.createReadStream(file), store);
  let found = form;
  if (form !== DataForm.BYTES) {
    const wrongAt = await firstNotUtf8(file);
    if (form === DataForm.UNSPECIFIED) found = wrongAt === undefined ? DataForm.TEXT : DataForm.BYTES;
    else if (wrongAt !== undefined) throw notUtf8(wrongAt, form as Textual);
  }
  if (form === DataForm.JSON) await checkJsonFile(file, 'standard output');
  const object = await store.putFile(file, { move: true });
  return fileValue(object, found, found === DataForm.BYTES ? BYTES_TYPE : '');
}

async function firstNotUtf8(file: string): Promise<number | undefined> {
  const check = createUtf8Check();
  for await (const chunk of fs.createReadStream(file)) {
    const wrongAt = check.push(chunk);
    if (wrongAt !== undefined) return wrongAt;
  }
  return check.end();
}

/** Throws bad-output with the line. */
export async function checkJsonFile(file: string, what: string): Promise<void> {
  const check = createJsonCheck();
  try {
    for await (const chunk of fs.createReadStream(file)) check.push(chunk);
    check.end();
  } catch (error) {
    if (error instanceof JsonFault) throw badOutput(`${what} ${error.message}`);
    throw error;
  }
}

type Chunks = Iterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

/** One message is the output, of several the JSON list of their values, of none nothing. */
function messagesValue(chunks: Chunks, store: FileStore): Output | Promise<Output> {
  if (typeof chunks === 'function') return manyMessages(chunks, store);
  const messages: Data[] = [];
  const decoder = createDataDecoder();
  try {
    for (const chunk of chunks) messages.push(...decoder.push(chunk));
    decoder.end();
  } catch (error) {
    throw badMessage(error);
  }
  for (const [index, message] of messages.entries()) checkMessage(message, index);
  if (messages.length <= 1) return messages.length === 0 ? NOTHING : keepValue(messages[0]!, store);
  return keepValue(jsonData(`[${messages.map(dataJson).join(',')}]`), store);
}

const NOTHING: Output = { data: undefined, bytes: 0 };

/** Looks at all of them before any is kept, and holds one at a time. */
async function manyMessages(chunks: () => AsyncIterable<Uint8Array>, store: FileStore): Promise<Output> {
  let first: Data | undefined;
  let count = 0;
  for await (const message of decoded(chunks())) {
    checkMessage(message, count++);
    first ??= message;
  }
  if (first === undefined || count === 1) return first === undefined ? NOTHING : keepValue(first, store);
  return fileValue(await store.putStream(listOf(decoded(chunks()))), DataForm.JSON);
}

async function* decoded(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Data> {
  const decoder = createDataDecoder();
  try {
    for await (const chunk of chunks) yield* decoder.push(chunk);
    decoder.end();
  } catch (error) {
    throw badMessage(error);
  }
}

async function* listOf(messages: AsyncIterable<Data>): AsyncIterable<Uint8Array> {
  let sign = '[';
  for await (const message of messages) {
    yield Buffer.from(sign + dataJson(message));
    sign = ',';
  }
  yield Buffer.from(']');
}

function checkMessage({ value }: Data, index: number): void {
  if (value.case === 'json') checkJson(value.value, `message ${index + 1} of standard output:`);
  if (value.case !== 'file') return;
  throw badOutput(
    `message ${index + 1} of standard output names a file of the store; leave files in WIZ_FILES instead`,
  );
}

function badMessage(error: unknown): unknown {
  return error instanceof DataCodecError ? badOutput(`standard output: ${error.message}`) : error;
}

export function badOutput(message: string): AttemptFailure {
  return new AttemptFailure('bad-output', message);
}
