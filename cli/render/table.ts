import type { Paint } from './paint.ts';
import { width } from './words.ts';

export interface Column<Row> {
  title: string;
  text(row: Row): string;
  /** Colours the padded text. */
  paint?(row: Row, text: string): string;
  right?: boolean;
}

/** Lines of a table: columns as wide as their widest text, two spaces between them, no padding at the end. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], paint: Paint): string[] {
  const texts = rows.map((row) => columns.map((column) => column.text(row)));
  const widths = columns.map(({ title }, i) =>
    Math.max(width(title), ...texts.map((cells) => width(cells[i]!))),
  );
  const pad = (text: string, i: number) => {
    const space = ' '.repeat(widths[i]! - width(text));
    if (columns[i]!.right) return space + text;
    return i === columns.length - 1 ? text : text + space;
  };
  const head = columns.map(({ title }, i) => pad(title, i)).join('  ');
  return [
    paint.dim(head.trimEnd()),
    ...rows.map((row, r) =>
      columns
        .map((column, i) => (column.paint ?? same)(row, pad(texts[r]![i]!, i)))
        .join('  ')
        .trimEnd(),
    ),
  ];
}

function same(_: unknown, text: string): string {
  return text;
}
