import fs from 'node:fs';

export interface Progress {
  /** 0 to 1; -1 when the line does not say. */
  fraction: number;
  message: string;
}

/** Bytes at the end of the file that are looked at; a line that is longer is not one. */
const TAIL = 4096;

/** `0.42 message`, `42% message`, `21/50 message`; any other line is a message alone. */
export function parseProgress(line: string): Progress {
  const [, first = '', message = ''] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line) ?? [];
  const share = /^(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)$/.exec(first);
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(first);
  let fraction = Number.NaN;
  if (share !== null) fraction = Number(share[1]) / Number(share[2]);
  else if (percent !== null) fraction = Number(percent[1]) / 100;
  else if (/^(\d+\.?\d*|\.\d+)$/.test(first)) fraction = Number(first);
  if (!(fraction >= 0 && fraction <= 1)) return { fraction: -1, message: line.trim() };
  return { fraction, message };
}

/** Looks at a WIZ_PROGRESS file again and again; `poll` answers its last line when that is new. */
export function createProgressReader(file: string): { poll(): Progress | undefined } {
  let seenSize = 0;
  let seenMs = 0;
  let seenLine = '';

  return {
    poll() {
      const stat = fs.statSync(file, { throwIfNoEntry: false });
      if (stat === undefined || (stat.size === seenSize && stat.mtimeMs === seenMs)) return undefined;
      seenSize = stat.size;
      seenMs = stat.mtimeMs;
      const line = lastLine(file, stat.size);
      if (line === '' || line === seenLine) return undefined;
      seenLine = line;
      return parseProgress(line);
    },
  };
}

function lastLine(file: string, size: number): string {
  const buffer = Buffer.alloc(Math.min(TAIL, size));
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, 'r');
    const read = fs.readSync(fd, buffer, 0, buffer.length, Math.max(0, size - TAIL));
    return buffer.toString('utf8', 0, read).trimEnd().split('\n').at(-1)!.trim();
  } catch {
    return ''; // removed or unreadable meanwhile: no progress
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}
