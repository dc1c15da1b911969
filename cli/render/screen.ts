/**
 * Redraws lines in place, with as few escapes as it takes: a line that did not change is stepped over. The cursor
 * rests on the line under the last one. Lines are cut to the terminal by whoever made them, so one line is one
 * row, until the terminal becomes narrower.
 */
import { stripVTControlCharacters } from 'node:util';
import { width } from './words.ts';

const ESC = '\u001b[';

export interface Terminal {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
}

export function createScreen(terminal: Terminal) {
  let drawn: string[] = [];
  let drawnColumns = 0;

  /** Replaces what is on the screen. */
  function draw(lines: string[]): void {
    const columns = terminal.columns ?? 80;
    const narrower = drawnColumns > columns;
    let out = narrower ? `${back(rowsOf(drawn, columns))}${ESC}J` : back(drawn.length);
    const before = narrower ? [] : drawn;
    for (const [i, line] of lines.entries()) {
      out += line === before[i] ? '\n' : `${line}${ESC}K\n`;
    }
    if (before.length > lines.length) out += `${ESC}J`;
    const unchanged =
      !narrower && lines.length === drawn.length && lines.every((line, i) => line === drawn[i]);
    if (!unchanged) terminal.write(drawn.length === 0 ? `${ESC}?25l${out}` : out);
    drawn = lines;
    drawnColumns = columns;
  }

  /** Leaves what is drawn and gives the cursor back. */
  function release(): void {
    if (drawn.length > 0) terminal.write(`${ESC}?25h`);
    drawn = [];
  }

  return { draw, release };
}

function back(rows: number): string {
  return rows === 0 ? '' : `${ESC}${rows}F`;
}

/** Rows that lines take which were made for a wider terminal. */
function rowsOf(lines: string[], columns: number): number {
  return lines.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(width(stripVTControlCharacters(line)) / columns)),
    0,
  );
}
