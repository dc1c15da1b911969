const LINE_FEED = 10;

/** The lines of a stream with their ends, and what is behind the last end. */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  limit?: { bytes: number; tooLong(): Error },
): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, start)) {
      const end = chunk.subarray(start, at + 1);
      yield begun.length === 0 ? end : Buffer.concat([...begun, end]);
      begun = [];
      length = 0;
      start = at + 1;
    }
    if (start === chunk.length) continue;
    begun.push(chunk.subarray(start));
    length += chunk.length - start;
    if (limit !== undefined && length > limit.bytes) throw limit.tooLong();
  }
  if (length > 0) yield Buffer.concat(begun);
}

export function isWhole(line: Buffer): boolean {
  return line.at(-1) === LINE_FEED;
}
