/** Rows of a query: as a table, as lines with tabs, as CSV, as one JSON array. */
import type { Paint } from './paint.ts';
import { cut, oneLine, width } from './words.ts';

/** Columns of a terminal that one value may take in a table. */
const VALUE_COLUMNS = 60;

/** Takes rows piece by piece; each call returns what is to be written. */
export interface RecordWriter {
  head(columns: string[]): string;
  rows(rows: unknown[][]): string;
  end(): string;
}

/** Columns are as wide as the values of the first piece: later rows may be wider, and then stand out. */
export function tableWriter(paint: Paint): RecordWriter {
  let names: string[] = [];
  let widths: number[] | undefined;
  let right: boolean[] = [];
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => padded(cell, widths![i]!, right[i]!))
      .join('  ')
      .trimEnd();
  const begin = (rows: unknown[][]) => {
    if (widths) return '';
    const texts = rows.map((row) => row.map(tableText));
    widths = names.map((name, i) =>
      texts.reduce((most, cells) => Math.max(most, width(cells[i]!)), width(name)),
    );
    right = names.map((_, i) => rows.length > 0 && rows.every((row) => row[i] === null || isNumber(row[i])));
    return `${paint.dim(line(names))}\n`;
  };
  return {
    head(columns) {
      names = columns;
      return '';
    },
    rows: (rows) => begin(rows) + rows.map((row) => `${line(row.map(tableText))}\n`).join(''),
    end: () => begin([]),
  };
}

/** Tabs between values; a tab, a line break and a backslash in one are \t, \n, \r and \\. Null is nothing. */
export function tabWriter(): RecordWriter {
  const escaped = (text: string) => text.replace(/[\\\t\n\r]/g, (letter) => TAB_ESCAPES[letter]!);
  const line = (cells: string[]) => `${cells.map(escaped).join('\t')}\n`;
  return {
    head: line,
    rows: (rows) => rows.map((row) => line(row.map(valueText))).join(''),
    end: () => '',
  };
}

const TAB_ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** RFC 4180, with line feeds. Null is nothing, an empty text is "". */
export function csvWriter(): RecordWriter {
  const cell = (value: unknown) => {
    if (value === null) return '';
    const text = valueText(value);
    return text === '' || /[",\n\r]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const line = (values: unknown[]) => `${values.map(cell).join(',')}\n`;
  return { head: line, rows: (rows) => rows.map(line).join(''), end: () => '' };
}

/** One array of objects, a row on each line. Of columns with the same name the later get a number. */
export function jsonWriter(): RecordWriter {
  let names: string[] = [];
  let first = true;
  const object = (row: unknown[]) =>
    `{${row.map((value, i) => `${JSON.stringify(names[i])}:${JSON.stringify(value)}`).join(',')}}`;
  return {
    head(columns) {
      names = distinct(columns);
      return '[';
    },
    rows(rows) {
      const text = rows.map((row, i) => `${first && i === 0 ? '\n' : ',\n'}${object(row)}`).join('');
      first &&= rows.length === 0;
      return text;
    },
    end: () => (first ? ']\n' : '\n]\n'),
  };
}

function distinct(columns: string[]): string[] {
  const taken = new Set<string>();
  return columns.map((name) => {
    let own = name;
    for (let n = 2; taken.has(own); n++) own = `${name}_${n}`;
    taken.add(own);
    return own;
  });
}

/** A row from its JSON. Whole numbers beyond 2^53 keep all their digits. */
export function recordOf(json: string): unknown[] {
  if (!/\d{16}/.test(json)) return JSON.parse(json) as unknown[];
  return JSON.parse(json, (_, value, { source }: { source?: string } = {}) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '')
      ? JSON_WITH_RAW.rawJSON(source!)
      : value,
  ) as unknown[];
}

/** Of Node 24; not in TypeScript's library yet. */
const JSON_WITH_RAW = JSON as unknown as {
  rawJSON(text: string): { rawJSON: string };
  isRawJSON(value: unknown): value is { rawJSON: string };
};

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || JSON_WITH_RAW.isRawJSON(value);
}

function valueText(value: unknown): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function tableText(value: unknown): string {
  return cut(oneLine(valueText(value).replaceAll('\n', ' ')), VALUE_COLUMNS);
}

function padded(text: string, columns: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, columns - width(text)));
  return right ? space + text : text + space;
}
