import type { Progress } from '../../manager/index.ts';
import { note, print, printJson } from '../output.ts';
import { paintFor } from './paint.ts';
import { type Column, table } from './table.ts';
import { bytes } from './words.ts';

/** Rows on their way from a store to another place, as people see them. */

/** Milliseconds before anything is shown: what is over sooner needs no word. */
const QUIET_MS = 1_000;
/** Milliseconds between changes of the line on a terminal, and between lines elsewhere. */
const REDRAW_MS = 100;
const LINE_MS = 5_000;

/** Shows how far it is and what came of it, and says so in the words of `toldAs`; with `json` only the outcome, as that. */
export async function showTransfer<Done extends { tables: Record<string, number> }>(
  json: boolean,
  transfer: (onProgress: ((progress: Progress) => void) | undefined) => Promise<Done>,
  toldAs: (done: Done) => string,
): Promise<void> {
  const progress = progressLine(process.stderr);
  const done = await transfer(json ? undefined : progress.show).finally(progress.clear);
  if (json) return printJson(done);
  print(countLines(done.tables).join('\n'));
  note(toldAs(done));
}

interface ProgressLine {
  show(progress: Progress): void;
  /** Leaves nothing on a terminal. */
  clear(): void;
}

function progressLine(stream: NodeJS.WriteStream): ProgressLine {
  const beganMs = performance.now();
  let lastMs = Number.NEGATIVE_INFINITY;
  let drawn = false;
  return {
    show({ table: name, rows, bytes: done }) {
      const nowMs = performance.now();
      if (nowMs - beganMs < QUIET_MS || nowMs - lastMs < (stream.isTTY ? REDRAW_MS : LINE_MS)) return;
      lastMs = nowMs;
      const line = `${name}: ${rows.toLocaleString('en')} rows (${bytes(done)} in all)`;
      drawn = Boolean(stream.isTTY);
      stream.write(drawn ? `\r\u001b[K${line}` : `${line}\n`);
    },
    clear() {
      if (drawn) stream.write('\r\u001b[K');
      drawn = false;
    },
  };
}

/** Rows of each table that has any. */
function countLines(tables: Record<string, number>): string[] {
  const rows = Object.entries(tables).filter(([, count]) => count > 0);
  return table(rows, COLUMNS, paintFor(process.stdout));
}

const COLUMNS: Column<[string, number]>[] = [
  { title: 'TABLE', text: ([name]) => name },
  { title: 'ROWS', text: ([, rows]) => rows.toLocaleString('en'), right: true },
];
