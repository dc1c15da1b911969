import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { chunkSerializer } from './file-chunks.ts';
import {
  DescribeRequestSchema,
  ReadFileResponseSchema,
  WriteFileRequestSchema,
} from './gen/wiz/v1/executors_pb.js';

const seed = Number(process.env.FC_SEED ?? 1);
/** Around each size at which the length takes one byte more. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(127, 128, 16_383, 16_384, 2_097_152).map((size) => new Uint8Array(size).fill(size % 251)),
);

test('what is written by hand is read by the library as it was', () => {
  fc.assert(
    fc.property(bytes, fc.string(), fc.double({ noNaN: true }), (data, hash, size) => {
      const response = create(ReadFileResponseSchema, { data });
      assert.deepEqual(
        fromBinary(
          ReadFileResponseSchema,
          new Uint8Array(chunkSerializer(ReadFileResponseSchema)!(response)),
        ),
        fromBinary(ReadFileResponseSchema, toBinary(ReadFileResponseSchema, response)),
      );
      const request = create(WriteFileRequestSchema, { data, hash, size, offset: size / 2 });
      assert.deepEqual(
        fromBinary(WriteFileRequestSchema, new Uint8Array(chunkSerializer(WriteFileRequestSchema)!(request))),
        fromBinary(WriteFileRequestSchema, toBinary(WriteFileRequestSchema, request)),
      );
    }),
    { seed, numRuns: 200 },
  );
});

test('other messages are left to the library', () => {
  assert.equal(chunkSerializer(DescribeRequestSchema), undefined);
});
