import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Data, DataSchema } from './gen/wiz/v1/data_pb.js';

/**
 * wiz.v1.Data messages one after the other, each with its length before it as a varint: what a program with
 * `data: protobuf` reads and writes. Most protobuf libraries have it as parseDelimitedFrom and writeDelimitedTo.
 */

/** What a decoder takes as one message; bytes. Larger things are files. */
export const MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024;

/** Bytes of a varint of 32 bits. */
const LONGEST_VARINT = 5;

export function encodeDelimited(data: Data): Uint8Array {
  const body = toBinary(DataSchema, data);
  const head = encodeVarint(body.length);
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}

/** Unsigned, of up to 53 bits. */
export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** The sentence says which message it is about, and at which byte that begins. */
export class DataCodecError extends Error {}

export interface DataDecoder {
  /** The messages that this chunk completes; throws DataCodecError. */
  push(chunk: Uint8Array): Data[];
  /** Throws when the stream ended within a message. */
  end(): void;
}

/** Takes chunks however they are cut; holds no more than one message. */
export function createDataDecoder({ limitBytes = MESSAGE_LIMIT_BYTES } = {}): DataDecoder {
  let head: number[] = []; // the bytes of a varint so far
  let body: Uint8Array | undefined;
  let filled = 0;
  let number = 1;
  let offset = 0; // of the message that is under way
  let read = 0;

  function fault(what: string): DataCodecError {
    return new DataCodecError(`message ${number} (at byte ${offset}) ${what}`);
  }

  function take(bytes: Uint8Array): Data {
    let data: Data;
    try {
      data = fromBinary(DataSchema, bytes);
    } catch (error) {
      throw fault(`is no wiz.v1.Data: ${(error as Error).message}`);
    }
    if (data.value.case === undefined && data.$unknown !== undefined) {
      throw fault('is no wiz.v1.Data: it has none of its values, and fields that it does not know');
    }
    number++;
    offset = read;
    return data;
  }

  return {
    push(chunk) {
      const messages: Data[] = [];
      let at = 0;
      while (at < chunk.length) {
        if (body === undefined) {
          const byte = chunk[at++]!;
          read++;
          head.push(byte);
          if (byte >= 128) {
            if (head.length === LONGEST_VARINT) throw fault('does not begin with a length (a varint)');
            continue;
          }
          const length = head.reduceRight((sum, part) => sum * 128 + (part & 127), 0);
          head = [];
          if (length > limitBytes) throw fault(`has ${length} bytes, and a message may have ${limitBytes}`);
          if (length === 0) messages.push(take(new Uint8Array(0)));
          else {
            body = new Uint8Array(length);
            filled = 0;
          }
          continue;
        }
        const part = chunk.subarray(at, at + body.length - filled);
        body.set(part, filled);
        filled += part.length;
        at += part.length;
        read += part.length;
        if (filled < body.length) continue;
        const whole = body;
        body = undefined;
        messages.push(take(whole));
      }
      return messages;
    },
    end() {
      if (body !== undefined) {
        throw fault(`says that it has ${body.length} bytes, and the stream ends after ${filled} of them`);
      }
      if (head.length > 0) throw fault('ends within its length');
    },
  };
}

/** A Data of JSON. */
export function jsonData(json: string): Data {
  return create(DataSchema, { value: { case: 'json', value: json } });
}
