/** What an output may be as JSON, as everywhere in wiz: values travel to what needs them, files do not. */
export const OUTPUT_LIMIT_BYTES = 256 * 1024;

/** Whether a value is small enough to be an output. */
export function fitsOutput(json: string): boolean {
  // UTF-8 has at least as many bytes as the string has characters, and at most three times as many.
  if (json.length * 3 <= OUTPUT_LIMIT_BYTES) return true;
  return Buffer.byteLength(json) <= OUTPUT_LIMIT_BYTES;
}
