import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { FileStore } from '../../files/file-store.ts';
import { dataJson } from '../../proto/data.ts';
import { createDataDecoder } from '../../proto/data-codec.ts';
import { type Data, DataForm, DataSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { jsonPieces, linePieces, type Pieces, plainPieces, protobufPieces } from './value-pieces.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

/** A store of one object, which is read in the chunks that it was cut into. */
function storeOf(content: Uint8Array, places: number[]): FileStore {
  const cuts = places.map((place) => place % (content.length + 1)).sort((a, b) => a - b);
  const chunks = [0, ...cuts].map((from, index) => content.subarray(from, cuts[index] ?? content.length));
  return {
    read: async () => Readable.from(chunks.filter(({ length }) => length > 0)),
    readBytes: async () => content,
  } as Partial<FileStore> as FileStore;
}

async function joined(pieces: Pieces): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of pieces) parts.push(Buffer.from(piece as string));
  return Buffer.concat(parts);
}

/** The same value in a file. */
function inFile(form: DataForm, content: Uint8Array, mediaType = ''): Data {
  const file = { hash: '0'.repeat(64), size: content.length };
  return create(DataSchema, { value: { case: 'file', value: file }, form, mediaType });
}

const places = fc.array(fc.nat(), { maxLength: 12 });
const text = fc
  .array(fc.constantFrom('a', 'ü', '😀', '\n', '\r\n', '\r', '"', '\\', '\u2028', '\t', '\ufeff'), {
    maxLength: 30,
  })
  .map((parts) => parts.join(''));
const noStore = {} as FileStore;

/** Every reading of a value gives the same from a file, however that is cut, as inline. */
async function assertSame(inline: Data, stored: Data, content: Uint8Array, places: number[]): Promise<void> {
  const store = storeOf(content, places);
  assert.deepEqual(JSON.parse(String(await joined(jsonPieces(stored, store)))), JSON.parse(dataJson(inline)));
  for (const read of [plainPieces, linePieces]) {
    assert.equal(
      String(await joined(read(stored, store))),
      String(await joined(read(inline, noStore))),
      read.name,
    );
  }
  const decoder = createDataDecoder();
  const [message] = decoder.push(await joined(protobufPieces(stored, store)));
  decoder.end();
  if (inline.value.case === 'json') {
    assert.deepEqual(JSON.parse(message!.value.value as string), JSON.parse(inline.value.value));
  } else {
    assert.deepEqual(message!.value, inline.value);
  }
  assert.equal(message!.mediaType, inline.mediaType);
}

test('text', async () => {
  await fc.assert(
    fc.asyncProperty(text, places, async (value, places) => {
      const content = Buffer.from(value);
      const inline = create(DataSchema, { value: { case: 'text', value } });
      await assertSame(inline, inFile(DataForm.TEXT, content), content, places);
    }),
  );
});

test('bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 50 }), places, async (value, places) => {
      const inline = create(DataSchema, { value: { case: 'bytes', value }, mediaType: 'image/x' });
      await assertSame(inline, inFile(DataForm.BYTES, value, 'image/x'), value, places);
    }),
  );
});

test('JSON', async () => {
  await fc.assert(
    fc.asyncProperty(fc.json(), places, async (value, places) => {
      const content = Buffer.from(value);
      const inline = create(DataSchema, { value: { case: 'json', value } });
      await assertSame(inline, inFile(DataForm.JSON, content), content, places);
    }),
  );
});

test('another message', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 50 }), places, async (value, places) => {
      const inline = create(DataSchema, {
        value: { case: 'any', value: { typeUrl: 'type.googleapis.com/a.B', value } },
      });
      const content = toBinary(DataSchema, inline);
      await assertSame(inline, inFile(DataForm.PROTOBUF, content), content, places);
    }),
  );
});

test('lines are the same list as of the text, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(text, places, async (value, places) => {
      const content = Buffer.from(value);
      const lines = JSON.parse(dataJson(create(DataSchema, { value: { case: 'text', value } }))).lines;
      const stored = inFile(DataForm.LINES, content);
      const store = storeOf(content, places);
      assert.deepEqual(JSON.parse(String(await joined(jsonPieces(stored, store)))), lines);
      assert.deepEqual(JSON.parse(String(await joined(plainPieces(stored, store)))), lines);
      const [message] = createDataDecoder().push(await joined(protobufPieces(stored, store)));
      assert.deepEqual(JSON.parse(message!.value.value as string), lines);
    }),
  );
});
