import { fstatSync, readSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import { decodeHeader, type Frame, frameBytes, HEADER_BYTES, TRAILER_BYTES } from './frame.ts';

/** The end of a log file: where its last whole frame is, and what its last line says. */

/** Bytes of a stream's end that are looked at for its last line. */
const END_BYTES = 2_048;
/** Characters of the line that people are shown. */
const LINE_CHARACTERS = 300;
/** Frames and bytes of a file that are looked at backwards for it. */
const FRAMES_BACK = 256;
const BYTES_BACK = 16 * 1024;

/** The last frame, and where the whole frames end; what follows is a frame that was cut by a crash. */
export function findEnd(fd: number): { last: Frame | undefined; end: number } {
  const size = fstatSync(fd).size;
  const last = frameBefore(fd, size);
  return last === undefined ? scanForEnd(fd, size) : { last: last.frame, end: size };
}

/** The frame that ends at `end`. */
function frameBefore(fd: number, end: number): { frame: Frame; at: number } | undefined {
  if (end < HEADER_BYTES + TRAILER_BYTES) return undefined;
  const at = end - readAt(fd, end - TRAILER_BYTES, TRAILER_BYTES).readUInt32LE(0);
  const frame = at < 0 || at > end ? undefined : decodeHeader(readAt(fd, at, HEADER_BYTES));
  return frame !== undefined && at + frameBytes(frame) === end ? { frame, at } : undefined;
}

/** From the first frame on, by headers: only after a crash in the middle of a write. */
function scanForEnd(fd: number, size: number): { last: Frame | undefined; end: number } {
  let last: Frame | undefined;
  let end = 0;
  for (;;) {
    const frame = decodeHeader(readAt(fd, end, HEADER_BYTES));
    if (frame === undefined || end + frameBytes(frame) > size) return { last, end };
    last = frame;
    end += frameBytes(frame);
  }
}

/** The ends of both streams, as far as the last frames tell. */
export function readStreamEnds(fd: number, end: number): StreamEnds {
  const found: { stream: LogStream; data: Buffer }[] = [];
  let at = end;
  for (let bytes = 0; found.length < FRAMES_BACK && bytes < BYTES_BACK; ) {
    const before = frameBefore(fd, at);
    if (before === undefined) break;
    const length = Math.min(before.frame.length, END_BYTES);
    const dataEnd = at - TRAILER_BYTES;
    found.push({ stream: before.frame.stream, data: readAt(fd, dataEnd - length, length) });
    bytes += length;
    at = before.at;
  }
  const ends = new StreamEnds();
  for (const { stream, data } of found.reverse()) ends.append(stream, data);
  return ends;
}

/** The last bytes of both streams. */
export class StreamEnds {
  readonly #bytes = new Map<LogStream, Buffer>();
  #latest: LogStream = LogStream.UNSPECIFIED;

  /** Bytes that the stream went on with. */
  append(stream: LogStream, data: Uint8Array): void {
    const before = this.#bytes.get(stream);
    // A copy: the data is a part of a message that should not be kept.
    const next =
      data.length >= END_BYTES || before === undefined
        ? Buffer.from(data.subarray(-END_BYTES))
        : Buffer.concat([before, data]).subarray(-END_BYTES);
    this.#bytes.set(stream, next);
    this.#latest = stream;
  }

  /** The last line that is not blank, of the stream that came last if it has one. */
  lastLine(): string {
    const other = this.#latest === LogStream.STDERR ? LogStream.STDOUT : LogStream.STDERR;
    return lineAtEnd(this.#bytes.get(this.#latest)) || lineAtEnd(this.#bytes.get(other));
  }
}

/** A carriage return begins a line too: progress bars. */
function lineAtEnd(bytes: Buffer | undefined): string {
  if (bytes === undefined) return '';
  // Not in the middle of a character (UTF-8 continuation bytes).
  let start = 0;
  while (start < bytes.length && (bytes[start]! & 0xc0) === 0x80) start += 1;
  const lines = stripVTControlCharacters(bytes.toString('utf8', start)).split(/[\r\n]+/);
  const line = lines.findLast((candidate) => candidate.trim() !== '') ?? '';
  return line.trim().slice(0, LINE_CHARACTERS);
}

function readAt(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  const n = readSync(fd, buffer, 0, buffer.length, position);
  return buffer.subarray(0, n);
}
