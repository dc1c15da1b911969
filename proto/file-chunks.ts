import { type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';
import {
  type ReadFileResponse,
  ReadFileResponseSchema,
  type WriteFileRequest,
  WriteFileRequestSchema,
} from './gen/wiz/v1/executors_pb.js';

/**
 * How messages with the content of files are written: fields first, then the bytes, copied once. The library's encoder
 * takes 430 ms for a GB of them, this 140; its decoder copies nothing, and is used.
 */
export function chunkSerializer(schema: DescMessage): ((message: Message) => Buffer) | undefined {
  if (schema.typeName === ReadFileResponseSchema.typeName) {
    return (message) => withBytes(NOTHING, READ_DATA_TAG, (message as ReadFileResponse).data);
  }
  if (schema.typeName === WriteFileRequestSchema.typeName) {
    return (message) => {
      const { data, ...fields } = message as WriteFileRequest;
      return withBytes(toBinary(WriteFileRequestSchema, { ...fields, data: NOTHING }), WRITE_DATA_TAG, data);
    };
  }
  return undefined;
}

const NOTHING = new Uint8Array();
/** Field numbers of `data`, with the wire type of what has a length. */
const READ_DATA_TAG = (1 << 3) | 2;
const WRITE_DATA_TAG = (3 << 3) | 2;

function withBytes(fields: Uint8Array, tag: number, data: Uint8Array): Buffer {
  if (data.length === 0) return Buffer.from(fields);
  const head = [tag];
  let length = data.length;
  for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80);
  head.push(length);
  return Buffer.concat([fields, Buffer.from(head), data]);
}
