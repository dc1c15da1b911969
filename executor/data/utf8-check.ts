import { isUtf8 } from 'node:buffer';

/** Says whether a stream of bytes is UTF-8, however it is cut. */
export interface Utf8Check {
  /** Where the stream stops being UTF-8: the offset of the first wrong byte; undefined while all is well. */
  push(chunk: Uint8Array): number | undefined;
  end(): number | undefined;
}

export function createUtf8Check(): Utf8Check {
  let held: Uint8Array = new Uint8Array(0); // a character that is not whole yet
  let offset = 0; // of what is held

  return {
    push(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const whole = bytes.length - unfinished(bytes);
      const good = bytes.subarray(0, whole);
      if (!isUtf8(good)) return offset + firstWrong(good);
      // A copy: the chunk may be large.
      held = Uint8Array.from(bytes.subarray(whole));
      offset += whole;
      return undefined;
    },
    end: () => (held.length === 0 ? undefined : offset),
  };
}

/** Bytes of a character at the end of which some are missing. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return lengthOf(byte) > back ? back : 0;
  }
  return 0;
}

function firstWrong(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = lengthOf(bytes[at]!);
    if (!isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return at;
}

/** Of the character that begins with this byte. */
function lengthOf(byte: number): number {
  if (byte < 0xc0) return 1;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}
