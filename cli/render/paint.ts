import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';

export interface Paint {
  green(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

const same = (text: string) => text;
export const plainPaint: Paint = { green: same, red: same, yellow: same, cyan: same, dim: same, bold: same };

const style = (format: Parameters<typeof styleText>[0]) => (text: string) =>
  text === '' ? '' : styleText(format, text, { validateStream: false });
export const colourPaint: Paint = {
  green: style('green'),
  red: style('red'),
  yellow: style('yellow'),
  cyan: style('cyan'),
  dim: style('dim'),
  bold: style('bold'),
};

/** Colours for a terminal that has them, unless NO_COLOR is set; plain for pipes and files. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const coloured = stream.isTTY && (stream as WriteStream).hasColors?.();
  return coloured && !process.env.NO_COLOR ? colourPaint : plainPaint;
}
