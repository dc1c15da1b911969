import type { Data } from './gen/wiz/v1/data_pb.js';

/** What travels as a value; a larger one becomes a Wiz File. Bytes. */
export const INLINE_LIMIT_BYTES = 256 * 1024;

/**
 * A value as JSON, the way expressions and WIZ_INPUT see it: JSON as it is, text as { text, lines }, bytes as
 * { base64, mediaType }, another protobuf message as { typeUrl, base64 }, nothing as null. The content of a value that
 * is a file has to be read before, see `DataForm`; here it is an error.
 */
export function dataJson(data: Data | undefined): string {
  if (data === undefined) return 'null';
  const { case: form, value } = data.value;
  switch (form) {
    case 'json':
      return value;
    case 'text':
      return JSON.stringify({ text: value, lines: linesOf(value) });
    case 'bytes':
      return JSON.stringify({ base64: base64(value), mediaType: data.mediaType });
    case 'any':
      return JSON.stringify({ typeUrl: value.typeUrl, base64: base64(value.value) });
    case 'file':
      throw new Error(`The value is the file ${value.hash}, which has not been read.`);
    case undefined:
      return 'null';
  }
}

/** Lines without their ends; none for an empty text. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

/** Standard base64, with padding. */
export function base64(bytes: Uint8Array): string {
  // toBase64 is in Node 25; Buffer works on all.
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
