import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { FileStore } from '../../files/file-store.ts';
import { jsonData } from '../../proto/data-codec.ts';
import { DataForm } from '../../proto/gen/wiz/v1/data_pb.js';
import { AttemptFailure } from '../data/attempt-failure.ts';
import { fileValue, keepValue, type Output } from '../data/kept-values.ts';
import { redactedJson } from '../data/redacted.ts';
import { checkJson, checkJsonFile } from '../data/stdout-value.ts';
import type { AttemptSecrets } from '../secrets/secrets.ts';

/** What WIZ_OUTPUT takes; bytes. What is larger is no value: WIZ_FILES takes any size. */
const LARGEST_OUTPUT = 1024 ** 3;
/** Up to here WIZ_OUTPUT is read into memory, and may have key=value lines; bytes. */
const LARGEST_PARSED = 64 * 1024 ** 2;
/** What a program may add to the context; bytes. All of it becomes environment. */
const LARGEST_CONTEXT = 256 * 1024;

/** The value a program wrote to WIZ_OUTPUT: one JSON document, or key=value lines, which become an object of
 *  strings. undefined when it wrote nothing there but white space. */
export function readOutputFile(
  file: string,
  store: FileStore,
  secrets?: AttemptSecrets,
): Output | undefined | Promise<Output> {
  const size = sizeOf(file, 'WIZ_OUTPUT', 'bad-output');
  if (size > LARGEST_OUTPUT) {
    throw new AttemptFailure(
      'output-too-large',
      `${size} bytes were written to WIZ_OUTPUT, which takes ${LARGEST_OUTPUT}; leave large data in WIZ_FILES`,
    );
  }
  if (size > LARGEST_PARSED) return keepDocument(file, store, secrets);
  const text = readText(file, 'WIZ_OUTPUT', 'bad-output');
  if (text === undefined) return undefined;
  const json = asJson(text) ?? JSON.stringify(Object.fromEntries(parseLines(text, OUTPUT_LINES)));
  return keepValue(jsonData(secrets === undefined ? json : redactedJson(json, secrets)), store);
}

/** What a program wrote to WIZ_CONTEXT: KEY=value lines. */
export function readContextFile(file: string, secrets?: AttemptSecrets): Record<string, string> {
  const size = sizeOf(file, 'WIZ_CONTEXT', 'bad-context');
  if (size > LARGEST_CONTEXT) {
    throw new AttemptFailure(
      'context-too-large',
      `${size} bytes were written to WIZ_CONTEXT, which takes ${LARGEST_CONTEXT}; leave large data in a file`,
    );
  }
  const text = readText(file, 'WIZ_CONTEXT', 'bad-context');
  if (text === undefined) return {};
  const entries = parseLines(text, CONTEXT_LINES);
  if (secrets === undefined) return Object.fromEntries(entries);
  return Object.fromEntries(entries.map(([name, value]) => [name, secrets.redactText(value)]));
}

/** Too large to be parsed: has to be JSON, and is looked through as a stream. */
async function keepDocument(file: string, store: FileStore, secrets?: AttemptSecrets): Promise<Output> {
  const document = secrets === undefined ? file : await redactedCopy(file, secrets);
  await checkJsonFile(document, 'WIZ_OUTPUT');
  return fileValue(await store.putFile(document, { move: true }), DataForm.JSON);
}

async function redactedCopy(file: string, secrets: AttemptSecrets): Promise<string> {
  const redactor = secrets.redactor();
  async function* redacted(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) yield redactor.push(chunk);
    yield redactor.end();
  }
  const copy = `${file}.redacted`;
  await pipeline(fs.createReadStream(file), redacted, fs.createWriteStream(copy, { mode: 0o600 }));
  return copy;
}

type Reason = 'bad-output' | 'bad-context';

/** 0 when nobody wrote it. */
function sizeOf(file: string, name: string, reason: Reason): number {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile()) {
    throw new AttemptFailure(reason, `${name} is not a file any more; write to it instead`);
  }
  return stat?.size ?? 0;
}

function readText(file: string, name: string, reason: Reason): string | undefined {
  if (!fs.existsSync(file)) return undefined;
  const bytes = fs.readFileSync(file);
  if (!isUtf8(bytes)) throw new AttemptFailure(reason, `what was written to ${name} is not UTF-8 text`);
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  return text.trim() === '' ? undefined : text;
}

/** The document as it stands, or undefined when this is not meant to be JSON. */
function asJson(text: string): string | undefined {
  // A line of key=value cannot begin so.
  const meant = /^\s*[[{"]/.test(text);
  try {
    checkJson(text, 'WIZ_OUTPUT');
    return text;
  } catch (error) {
    if (meant) throw error;
    return undefined;
  }
}

interface LineRules {
  name: string;
  reason: Reason;
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
      throw new AttemptFailure(
        rules.reason,
        `${rules.name} line ${index + 1} is ${JSON.stringify(shown)}; ${rules.wanted}`,
      );
    }
    entries.push([found[1]!, found[2]!]);
  }
  return entries;
}
