import { crc32 } from 'node:zlib';
import { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import type { LogChunk } from '../../../proto/gen/wiz/v1/executors_pb.js';

/**
 * A log file is a row of frames: header (52 bytes), data (as the program wrote it), length of the whole frame
 * (4 bytes). Numbers are little-endian. The header says enough to find a line without reading data; the length
 * at the end lets the last frames be read backwards, so that a file of any size opens at once.
 *
 *  0 u32 "WLOG"          12 u32 line feeds in the data      32 f64 unix ms
 *  4 u32 bytes of data   16 f64 offset of the first byte    40 f64 bytes of the other stream before this frame
 *  8 u32 stream (1, 2)   24 f64 line of the first byte      48 u32 crc32 of bytes 0 to 47
 */
export interface Frame {
  stream: LogStream;
  /** Bytes of data. */
  length: number;
  lineFeeds: number;
  /** Of the first byte in its stream. */
  offset: number;
  /** Number (from 1) of the line that the first byte belongs to. */
  line: number;
  unixMs: number;
  /** Bytes of the other stream that were kept when this was written. */
  otherOffset: number;
}

export const HEADER_BYTES = 52;
export const TRAILER_BYTES = 4;
/** Bytes of data in a frame at most; what a reader holds at a time. Longer chunks become several frames. */
export const MAX_DATA_BYTES = 256 * 1024;

const MAGIC = 0x474f4c57;
const CRC_AT = 48;

export function encodeHeader(frame: Frame): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(frame.length, 4);
  header.writeUInt32LE(frame.stream, 8);
  header.writeUInt32LE(frame.lineFeeds, 12);
  header.writeDoubleLE(frame.offset, 16);
  header.writeDoubleLE(frame.line, 24);
  header.writeDoubleLE(frame.unixMs, 32);
  header.writeDoubleLE(frame.otherOffset, 40);
  header.writeUInt32LE(crc32(header.subarray(0, CRC_AT)), CRC_AT);
  return header;
}

export function encodeTrailer(frame: Frame): Buffer {
  const trailer = Buffer.allocUnsafe(TRAILER_BYTES);
  trailer.writeUInt32LE(frameBytes(frame), 0);
  return trailer;
}

/** Undefined when there is no whole header at `at`, or it is none. */
export function decodeHeader(bytes: Buffer, at: number = 0): Frame | undefined {
  if (at < 0 || bytes.length - at < HEADER_BYTES || bytes.readUInt32LE(at) !== MAGIC) return undefined;
  if (crc32(bytes.subarray(at, at + CRC_AT)) !== bytes.readUInt32LE(at + CRC_AT)) return undefined;
  if (bytes.readUInt32LE(at + 4) > MAX_DATA_BYTES) return undefined;
  return {
    length: bytes.readUInt32LE(at + 4),
    stream: bytes.readUInt32LE(at + 8) as LogStream,
    lineFeeds: bytes.readUInt32LE(at + 12),
    offset: bytes.readDoubleLE(at + 16),
    line: bytes.readDoubleLE(at + 24),
    unixMs: bytes.readDoubleLE(at + 32),
    otherOffset: bytes.readDoubleLE(at + 40),
  };
}

/** Bytes of the whole frame in the file. */
export function frameBytes(frame: Frame): number {
  return HEADER_BYTES + frame.length + TRAILER_BYTES;
}

/** Bytes of each stream up to and with this frame. */
export function keptBytes(frame: Pick<Frame, 'stream' | 'length' | 'offset' | 'otherOffset'>): Kept {
  const own = frame.offset + frame.length;
  return frame.stream === LogStream.STDERR
    ? { stdout: frame.otherOffset, stderr: own }
    : { stdout: own, stderr: frame.otherOffset };
}

export interface Kept {
  stdout: number;
  stderr: number;
}

export function streamOf({ stream }: LogChunk): keyof Kept {
  return stream === LogStream.STDERR ? 'stderr' : 'stdout';
}

/** What is new of the chunk, in frames of at most `most` bytes of data. `kept` is moved on behind each when the next one is
 *  taken: one that could not be stored is not kept. */
export function* framesOf(
  chunk: LogChunk,
  kept: Kept,
  most: number,
): Generator<{ frame: Frame; data: Uint8Array }> {
  const own = streamOf(chunk);
  const seen = kept[own] - chunk.offset;
  if (seen < 0 || seen >= chunk.data.length) return;
  let line = chunk.line + countLineFeeds(chunk.data.subarray(0, seen));
  for (let start = seen; start < chunk.data.length; start += most) {
    const data = chunk.data.subarray(start, start + most);
    const frame: Frame = {
      stream: own === 'stderr' ? LogStream.STDERR : LogStream.STDOUT,
      length: data.length,
      lineFeeds: countLineFeeds(data),
      offset: kept[own],
      line,
      unixMs: chunk.unixMs,
      otherOffset: kept[own === 'stderr' ? 'stdout' : 'stderr'],
    };
    yield { frame, data };
    kept[own] += data.length;
    line += frame.lineFeeds;
  }
}

const LINE_FEED = 10;

export function countLineFeeds(data: Uint8Array): number {
  let count = 0;
  for (let at = data.indexOf(LINE_FEED); at !== -1; at = data.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}

/** Where the line begins that follows `count` line feeds; the length of the data when it does not. */
export function afterLineFeeds(data: Uint8Array, count: number): number {
  let at = 0;
  for (let left = count; left > 0; left -= 1) {
    const found = data.indexOf(LINE_FEED, at);
    if (found === -1) return data.length;
    at = found + 1;
  }
  return at;
}
