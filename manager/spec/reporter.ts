import type { Report } from './source.ts';

/** Counted by ourselves: the parser's line counter misses line breaks that the parser stumbled over. */
export function reporter(file: string, text: string): Report {
  let starts: number[] | undefined;
  return (offset, message, hint) => {
    starts ??= lineStarts(text);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { file, line: low + 1, column: offset - starts[low]! + 1, message, hint };
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
