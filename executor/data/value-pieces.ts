import { fromBinary } from '@bufbuild/protobuf';
import type { FileStore } from '../../files/file-store.ts';
import { dataJson, linesOf } from '../../proto/data.ts';
import { encodeDelimited, encodeVarint, MESSAGE_LIMIT_BYTES } from '../../proto/data-codec.ts';
import { type Data, DataForm, DataSchema, type File } from '../../proto/gen/wiz/v1/data_pb.js';

/**
 * Values in the forms that programs read. What is a file in the store is streamed, whatever it is to become: memory
 * stays flat, except where a JSON document has to be taken apart.
 */
export type Pieces = AsyncIterable<string | Uint8Array>;

export function isStored(data: Data | undefined): boolean {
  return data?.value.case === 'file';
}

/** As WIZ_INPUT and expressions have it, see dataJson. */
export async function* jsonPieces(data: Data | undefined, store: FileStore): Pieces {
  const stored = await storedOf(data, store);
  if ('inline' in stored) {
    yield dataJson(stored.inline);
    return;
  }
  switch (stored.form) {
    case DataForm.JSON:
      yield* stored.read();
      return;
    case DataForm.TEXT:
      yield '{"text":"';
      for await (const text of decoded(stored.read())) yield JSON.stringify(text).slice(1, -1);
      yield '","lines":';
      yield* lineList(stored.read());
      yield '}';
      return;
    case DataForm.LINES:
      yield* lineList(stored.read());
      return;
    default:
      yield '{"base64":"';
      yield* base64(stored.read());
      yield `","mediaType":${JSON.stringify(data!.mediaType)}}`;
  }
}

/** Its text, or its bytes as they are; of JSON a string's text, else the document. */
export async function* plainPieces(data: Data | undefined, store: FileStore): Pieces {
  const stored = await storedOf(data, store);
  if ('inline' in stored) {
    const { inline } = stored;
    const { case: form, value } = inline?.value ?? { case: undefined };
    if (form === 'json') yield textOfJson(JSON.parse(value), value);
    else if (form === 'any') yield value.value;
    else if (form === 'text' || form === 'bytes') yield value;
    return;
  }
  if (stored.form === DataForm.LINES) yield* lineList(stored.read());
  else if (stored.form === DataForm.JSON && (await firstCharacter(stored.read())) === '"') {
    yield JSON.parse(await whole(stored.read()));
  } else yield* stored.read();
}

/** Each line with \n: those of a text, or the items of a JSON list. */
export async function* linePieces(data: Data | undefined, store: FileStore): Pieces {
  const stored = await storedOf(data, store);
  if ('inline' in stored) {
    const { case: form, value } = stored.inline?.value ?? { case: undefined };
    if (form === 'json') yield* itemLines(JSON.parse(value));
    else if (form === 'text') yield* linesOf(value).map((line) => `${line}\n`);
    else if (form === 'bytes' || form === 'any') yield* endedLines([form === 'any' ? value.value : value]);
  } else if (stored.form === DataForm.JSON) {
    yield* itemLines(JSON.parse(await whole(stored.read())));
  } else {
    yield* endedLines(stored.read());
  }
}

/** One length-delimited wiz.v1.Data, which is never a file. */
export async function* protobufPieces(data: Data | undefined, store: FileStore): Pieces {
  if (data?.value.case !== 'file') {
    yield data === undefined ? Uint8Array.of(0) : encodeDelimited(data);
    return;
  }
  const { value: file } = data.value;
  if (data.form === DataForm.PROTOBUF) {
    yield encodeVarint(file.size);
    yield* await store.read(file.hash);
    return;
  }
  const content = () => (data.form === DataForm.LINES ? jsonPieces(data, store) : readStored(store, file));
  const length = data.form === DataForm.LINES ? await lengthOf(content()) : file.size;
  const head = [
    FIELD_TAGS[data.form as keyof typeof FIELD_TAGS] ?? FIELD_TAGS[DataForm.BYTES],
    ...encodeVarint(length),
  ];
  const media = Buffer.from(data.mediaType);
  const tail = media.length === 0 ? [] : [MEDIA_TYPE_TAG, ...encodeVarint(media.length), ...media];
  yield encodeVarint(head.length + length + tail.length);
  yield Uint8Array.from(head);
  yield* content();
  yield Uint8Array.from(tail);
}

/** Field numbers of wiz.v1.Data, shifted, with wire type 2. */
const FIELD_TAGS = {
  [DataForm.JSON]: 0x0a,
  [DataForm.LINES]: 0x0a,
  [DataForm.TEXT]: 0x12,
  [DataForm.BYTES]: 0x1a,
};
const MEDIA_TYPE_TAG = 0x22;

type Stored = { inline: Data | undefined } | { form: DataForm; read(): AsyncIterable<Uint8Array> };

async function storedOf(data: Data | undefined, store: FileStore): Promise<Stored> {
  if (data?.value.case !== 'file') return { inline: data };
  const { value: file } = data.value;
  if (data.form !== DataForm.PROTOBUF) return { form: data.form, read: () => readStored(store, file) };
  // A larger one was never taken from a program.
  return { inline: fromBinary(DataSchema, await store.readBytes(file.hash, 2 * MESSAGE_LIMIT_BYTES)) };
}

async function* readStored(store: FileStore, file: File): AsyncIterable<Uint8Array> {
  yield* await store.read(file.hash);
}

async function* decoded(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
}

/** The JSON list of the lines of a text, as linesOf cuts them. */
async function* lineList(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  let inLine = false;
  let some = false;
  let held = ''; // a \r that may belong to a line end
  yield '[';
  for await (const chunk of decoded(chunks)) {
    const text: string = held + chunk;
    held = text.endsWith('\r') ? '\r' : '';
    yield listed(held === '' ? text : text.slice(0, -1));
  }
  yield listed(held);
  yield inLine ? '"]' : ']';

  function listed(text: string): string {
    let json = '';
    for (const [index, part] of text.split(/\r?\n/).entries()) {
      if (index > 0) {
        // The line before this part has ended; it was empty if nothing of it was seen.
        json += inLine ? '"' : begin('""');
        inLine = false;
      }
      if (part === '') continue;
      if (!inLine) json += begin('"');
      json += JSON.stringify(part).slice(1, -1);
      inLine = true;
    }
    return json;
  }

  function begin(line: string): string {
    const comma = some ? ',' : '';
    some = true;
    return comma + line;
  }
}

async function* base64(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const full = bytes.length - (bytes.length % 3);
    yield bytes.toString('base64', 0, full);
    rest = bytes.subarray(full);
  }
  yield rest.toString('base64');
}

/** Lines of raw bytes, each with \n alone at its end. */
async function* endedLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncIterable<string | Uint8Array> {
  let held = false; // a \r that may belong to a line end
  let last = 10;
  for await (const chunk of chunks) {
    // latin1 keeps every byte as it is.
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let text: string = (held ? '\r' : '') + bytes.toString('latin1');
    held = text.endsWith('\r');
    if (held) text = text.slice(0, -1);
    if (text === '') continue;
    last = text.charCodeAt(text.length - 1);
    yield Buffer.from(text.replaceAll('\r\n', '\n'), 'latin1');
  }
  if (held) yield '\r\n';
  else if (last !== 10) yield '\n';
}

function* itemLines(value: unknown): Iterable<string> {
  const items = Array.isArray(value) ? value : [value];
  for (const item of items) yield `${typeof item === 'string' ? item : JSON.stringify(item)}\n`;
}

function textOfJson(value: unknown, json: string): string {
  return typeof value === 'string' ? value : json;
}

async function firstCharacter(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  for await (const chunk of chunks) {
    const text = Buffer.from(chunk).toString('latin1').trimStart();
    if (text !== '') return text[0]!;
  }
  return '';
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const part of decoded(chunks)) text += part;
  return text;
}

async function lengthOf(pieces: Pieces): Promise<number> {
  let length = 0;
  for await (const piece of pieces)
    length += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
  return length;
}
