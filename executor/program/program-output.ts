import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { type Data, DataSchema } from '../../proto/gen/wiz/v1/data_pb.js';

/** What travels as a value; more stays in the log or in files. Bytes. */
export const INLINE_LIMIT = 256 * 1024;

/** The attempt fails with this, although its program succeeded. */
export class OutputFailure extends Error {
  readonly reason: 'bad-output' | 'bad-context' | 'output-too-large' | 'context-too-large';

  constructor(reason: OutputFailure['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Output {
  data: Data | undefined;
  /** Bytes of the value, or of what was too large to carry. */
  bytes: number;
}

/** The value a program wrote to WIZ_OUTPUT: one JSON document, or key=value lines, which become an object of
 *  strings. undefined when it wrote nothing there but white space. */
export function readOutputFile(file: string): Output | undefined {
  const text = readText(file, 'WIZ_OUTPUT', 'bad-output', 'output-too-large');
  if (text === undefined) return undefined;
  const json = parseJson(text) ?? JSON.stringify(Object.fromEntries(parseLines(text, OUTPUT_LINES)));
  return {
    data: create(DataSchema, { value: { case: 'json', value: json } }),
    bytes: Buffer.byteLength(json),
  };
}

/** What a program wrote to WIZ_CONTEXT: KEY=value lines. */
export function readContextFile(file: string): Record<string, string> {
  const text = readText(file, 'WIZ_CONTEXT', 'bad-context', 'context-too-large');
  return text === undefined ? {} : Object.fromEntries(parseLines(text, CONTEXT_LINES));
}

/** Standard output as a value. `head` is the beginning of it, all of it when `total` is within the limit. */
export function outputOfStdout(head: Uint8Array[], total: number): Output {
  if (total === 0) return { data: undefined, bytes: 0 };
  if (total > INLINE_LIMIT) {
    return { data: create(DataSchema, { oversizeBytes: total }), bytes: total };
  }
  const bytes = head.length === 1 ? head[0]! : Buffer.concat(head);
  const data = isUtf8(bytes)
    ? create(DataSchema, {
        value: {
          case: 'text',
          value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
        },
      })
    : create(DataSchema, { value: { case: 'bytes', value: bytes }, mediaType: 'application/octet-stream' });
  return { data, bytes: total };
}

function readText(
  file: string,
  name: string,
  badReason: OutputFailure['reason'],
  largeReason: OutputFailure['reason'],
): string | undefined {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isFile())
    throw new OutputFailure(badReason, `${name} is not a file any more; write to it instead`);
  if (stat.size > INLINE_LIMIT) {
    throw new OutputFailure(
      largeReason,
      `${stat.size} bytes were written to ${name}, which takes ${INLINE_LIMIT}; leave large data in a file`,
    );
  }
  const bytes = fs.readFileSync(file);
  if (!isUtf8(bytes)) throw new OutputFailure(badReason, `what was written to ${name} is not UTF-8 text`);
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  return text.trim() === '' ? undefined : text;
}

/** The document as it stands, or undefined when this is not meant to be JSON. */
function parseJson(text: string): string | undefined {
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    // A line of key=value cannot begin so.
    if (!/^\s*[[{"]/.test(text)) return undefined;
    const message = (error as Error).message;
    const position = /position (\d+)/.exec(message)?.[1];
    const before = position === undefined ? text.trimEnd() : text.slice(0, Number(position));
    throw new OutputFailure(
      'bad-output',
      `WIZ_OUTPUT line ${before.split('\n').length} is not right JSON: ${message}`,
    );
  }
}

interface LineRules {
  name: string;
  reason: OutputFailure['reason'];
  pattern: RegExp;
  wanted: string;
}

const OUTPUT_LINES: LineRules = {
  name: 'WIZ_OUTPUT',
  reason: 'bad-output',
  pattern: /^([A-Za-z_][A-Za-z0-9_.-]*)=(.*)$/,
  wanted: 'write one JSON document, or lines of key=value',
};

const CONTEXT_LINES: LineRules = {
  name: 'WIZ_CONTEXT',
  reason: 'bad-context',
  pattern: /^((?!WIZ_)[A-Za-z_][A-Za-z0-9_]*)=(.*)$/,
  wanted: 'write lines of KEY=value, where KEY has letters, digits and _ and does not begin with WIZ_',
};

function parseLines(text: string, rules: LineRules): [string, string][] {
  const entries: [string, string][] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line.trim() === '') continue;
    const found = rules.pattern.exec(line);
    // NUL could never be handed on as environment.
    if (found === null || line.includes('\0')) {
      const shown = line.length > 80 ? `${line.slice(0, 80)}…` : line;
      throw new OutputFailure(
        rules.reason,
        `${rules.name} line ${index + 1} is ${JSON.stringify(shown)}; ${rules.wanted}`,
      );
    }
    entries.push([found[1]!, found[2]!]);
  }
  return entries;
}
