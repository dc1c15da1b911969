import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, equals, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { createDataDecoder, DataCodecError, encodeDelimited, encodeVarint } from './data-codec.ts';
import { type Data, DataSchema } from './gen/wiz/v1/data_pb.js';

const seed = process.env.FC_SEED === undefined ? 20261120 : Number(process.env.FC_SEED);
fc.configureGlobal({ seed, numRuns: 300 });

const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const bytes = fc.uint8Array({ maxLength: 300 });
const data: fc.Arbitrary<Data> = fc
  .oneof(
    fc.record({ case: fc.constant('json' as const), value: text.map((value) => JSON.stringify(value)) }),
    fc.record({ case: fc.constant('text' as const), value: text }),
    fc.record({ case: fc.constant('bytes' as const), value: bytes }),
    fc.record({
      case: fc.constant('any' as const),
      value: fc.record({ typeUrl: fc.constant('type.googleapis.com/a.B'), value: bytes }),
    }),
    fc.constant({ case: undefined }),
  )
  .map((value) => create(DataSchema, { value }));

/** The stream cut at any places, empty pieces too. */
function cut(stream: Uint8Array, places: number[]): Uint8Array[] {
  const cuts = places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, index) => stream.subarray(from, cuts[index] ?? stream.length));
}

function decode(pieces: Uint8Array[], options = {}): Data[] {
  const decoder = createDataDecoder(options);
  const messages = pieces.flatMap((piece) => decoder.push(piece));
  decoder.end();
  return messages;
}

const places = fc.array(fc.nat(), { maxLength: 40 });
const concat = (messages: Data[]) => new Uint8Array(Buffer.concat(messages.map(encodeDelimited)));

test('the same messages come out, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(data, { maxLength: 8 }), places, (messages, places) => {
      const decoded = decode(cut(concat(messages), places));
      assert.equal(decoded.length, messages.length);
      for (const [index, message] of messages.entries()) {
        assert.ok(equals(DataSchema, message, decoded[index]!), `message ${index + 1}`);
      }
    }),
  );
});

test('one byte at a time', () => {
  const messages = ['😀'.repeat(1000), 'zwölf', ''].map((value) =>
    create(DataSchema, { value: { case: 'text', value } }),
  );
  const decoded = decode(Array.from(concat(messages), (byte) => Uint8Array.of(byte)));
  assert.deepEqual(
    decoded.map(({ value }) => value.value),
    ['😀'.repeat(1000), 'zwölf', ''],
  );
});

test('a stream that ends early says within which message', () => {
  fc.assert(
    fc.property(fc.array(data, { minLength: 1, maxLength: 4 }), fc.nat(), places, (messages, at, places) => {
      const whole = concat(messages);
      const ends = new Set(messages.map((_, index) => concat(messages.slice(0, index)).length));
      const length = at % whole.length;
      fc.pre(!ends.has(length));
      assert.throws(() => decode(cut(whole.subarray(0, length), places)), {
        constructor: DataCodecError,
        message:
          /^message \d+ \(at byte \d+\) (?:ends within its length|says that it has \d+ bytes, and the stream)/,
      });
    }),
  );
});

test('anything else is decoded or refused with a sentence, and never hangs or takes memory', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), places, (garbage, places) => {
      try {
        decode(cut(garbage, places), { limitBytes: 1000 });
      } catch (error) {
        assert.ok(error instanceof DataCodecError, String(error));
        assert.match(error.message, /^message \d+ \(at byte \d+\) /);
      }
    }),
  );
});

test('what is wrong is said', () => {
  const cases: [Uint8Array, RegExp][] = [
    [Buffer.from('hello world\n'), /message 1 \(at byte 0\) says that it has 104 bytes.*ends after 11/],
    [new Uint8Array(9).fill(255), /does not begin with a length/],
    [encodeVarint(2 ** 31), /has 2147483648 bytes, and a message may have 67108864/],
    [Uint8Array.of(0, 1, 0x07), /message 2 \(at byte 1\) is no wiz\.v1\.Data/],
    [Uint8Array.of(2, 0x78, 1), /none of its values/],
  ];
  for (const [stream, message] of cases) assert.throws(() => decode([stream]), { message });
});

test('a message may be as large as the limit, not larger', () => {
  const message = create(DataSchema, { value: { case: 'bytes', value: new Uint8Array(1000) } });
  const limitBytes = toBinary(DataSchema, message).length;
  assert.equal(decode([encodeDelimited(message)], { limitBytes }).length, 1);
  assert.throws(() => decode([encodeDelimited(message)], { limitBytes: limitBytes - 1 }), /may have/);
});
