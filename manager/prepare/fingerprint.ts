import { hash } from 'node:crypto';
import { basename, isAbsolute, resolve } from 'node:path';
import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import { hasMarks, replaceMarks } from '../../proto/marks.ts';
import type { RunMachine } from '../engine/run.ts';
import type { ProcessorNode } from '../graph/processor-node.ts';
import { environmentName, paramEnvironment } from '../spec/params.ts';
import type { ActionSpec, JsonObject, JsonValue } from '../spec/spec.ts';
import { inputFiles } from './cache-inputs.ts';
import type { Look } from './file-hashes.ts';
import { type Late, onceKnown } from './late.ts';
import { programFile } from './program-file.ts';
import type { Work } from './work.ts';

/**
 * What the result of a task depends on, as hashes by name. Equal parts are an equal key. Paths of staging folders are in
 * none of them: a mark counts as the content of its file.
 *
 * What a program reads without saying so (a folder it lists, a table of a database) is not known here; `cache.inputs`,
 * `cache.env`, `cache.version` and `cache.key` are for that.
 */
export interface Fingerprint {
  /** SHA-256, hexadecimal. */
  key: string;
  /** Part -> beginning of its SHA-256; of `file PATH` on disk all of it, for lineage. */
  parts: Record<string, string>;
}

export interface FingerprintGround {
  run: RunMachine;
  node: ProcessorNode;
  work: Work;
  look: Look;
  /** The executor's. */
  environment: NodeJS.ProcessEnv;
}

/** Changes when the same parts would have to be another key. */
const FORMAT = 'wiz-cache-1';
/** Digits of each part's hash that are kept to tell what changed; the key is made of all 64. */
const KEPT_DIGITS = 16;
/** Files of one need that are parts of their own; of more, all together are one. */
const MAX_FILE_PARTS = 100;
/** The same of `cache.inputs`. Every instance keeps its parts, so there the bound is lower. */
const MAX_INPUT_PARTS = 1000;
const MAX_INSTANCE_INPUT_PARTS = 20;

/** Before the hash of a file on disk: it is told whole, not as the hash of a hash. */
const CONTENT = 'content ';
const WHOLE_HASH = /^[0-9a-f]{64}$/;

type Parts = Map<string, string>;

/** A promise only when files have to be hashed. Throws or rejects with UnsteadyFile and what the disk says. */
export function fingerprint(ground: FingerprintGround): Late<Fingerprint> {
  const { run, node, look } = ground;
  const shared = look.once(`parts ${run.runId} ${node.name}`, () => sharedParts(ground));
  return onceKnown(shared, (fixed) => {
    const parts: Parts = new Map(fixed);
    actionParts(parts, ground);
    return onceKnown(diskParts(parts, ground), () => keyOf(parts));
  });
}

function keyOf(parts: Parts): Fingerprint {
  const names = [...parts.keys()].sort();
  const kept: Record<string, string> = {};
  let text = `${FORMAT}\n`;
  for (const name of names) {
    const value = parts.get(name)!;
    text += `${name}\0${value}\n`;
    kept[name] = value.startsWith(CONTENT) ? value.slice(CONTENT.length) : value.slice(0, KEPT_DIGITS);
  }
  return { key: hash('sha256', text, 'hex'), parts: kept };
}

/** Two things of one name (a file of a need, a file on disk) are one part. */
function add(parts: Parts, name: string, value: string): void {
  const before = parts.get(name);
  parts.set(name, before === undefined || before === value ? value : sha(before + value));
}

/** The same for all instances of a processor. */
function sharedParts(ground: FingerprintGround): Late<Parts> {
  const { run, node, work, environment } = ground;
  const { cache, data } = node.spec;
  const parts: Parts = new Map();
  add(parts, 'data', sha(data));
  add(parts, 'workdir', sha(workdirOf(ground)));
  if (cache!.version !== '') add(parts, 'cache.version', sha(cache!.version));
  for (const name of cache!.env) {
    // What the processor sets itself is a part of the action.
    if (name in node.spec.env) continue;
    const value = node.context[name] ?? paramEnvironment(run.params)[name] ?? environment[name];
    add(parts, `env ${name}`, value === undefined ? ABSENT : sha(asContent(value)));
  }
  if (node.spec.secrets.length > 0) add(parts, 'secrets', sha([...node.spec.secrets].sort().join('\n')));
  for (const { processor, output, files } of work.ready.needs) {
    if (output !== undefined) add(parts, `output ${processor}`, dataHash(output));
    if (files.length <= MAX_FILE_PARTS)
      for (const file of files)
        add(parts, `file ${processor}/${file.name}`, sha(`${file.folder}${file.hash}`));
    else add(parts, `files ${processor}`, sha(JSON.stringify(files.map((f) => [f.name, f.folder, f.hash]))));
  }
  if (cache!.inputs.length === 0) return parts;
  const most = node.instances === undefined ? MAX_INPUT_PARTS : MAX_INSTANCE_INPUT_PARTS;
  return inputFiles(cache!.inputs, workdirOf(ground), ground.look, most).then((files) => {
    for (const [name, value] of files)
      add(parts, name, WHOLE_HASH.test(value) ? CONTENT + value : sha(value));
    return parts;
  });
}

const ABSENT = hash('sha256', 'absent', 'hex');

/** What the task itself says. */
function actionParts(parts: Parts, { run, node, work }: FingerprintGround): void {
  const { action, cacheKey, item, ready } = work;
  for (const name in ready.environment) add(parts, `env ${name}`, sha(asContent(ready.environment[name]!)));
  if (cacheKey !== '') add(parts, 'cache.key', sha(asContent(cacheKey)));
  const mentions = mentionsOf(run, node, action);
  for (const [name, value] of mentions.parts) add(parts, name, value);
  if (item !== undefined) {
    add(parts, 'item', sha(item.json));
    if (mentions.index) add(parts, 'index', sha(String(item.index)));
  }
  switch (action.kind) {
    case 'script':
      add(parts, 'action', sha(`script ${action.shell}`));
      add(parts, 'script', sha(asContent(action.text)));
      return;
    case 'program':
      add(parts, 'action', sha('program'));
      action.argv.forEach((text, index) => {
        add(parts, `argv[${index}]`, sha(asContent(text)));
      });
      return;
    case 'call': {
      add(parts, 'action', sha(`call ${action.uses}`));
      const written = node.spec.action.kind === 'call' ? node.spec.action.with : action.with;
      leafParts(parts, 'with', written, action.with);
    }
  }
}

/** One part for each leaf as it is written in the file: a value that an expression brings in is one leaf. */
function leafParts(parts: Parts, path: string, written: JsonValue, value: JsonValue): void {
  if (typeof written === 'object' && written !== null && typeof value === 'object' && value !== null) {
    for (const key in written) {
      const inner = Array.isArray(written) ? `${path}[${key}]` : `${path}.${key}`;
      leafParts(parts, inner, (written as JsonObject)[key]!, (value as JsonObject)[key]!);
    }
    return;
  }
  add(parts, path, sha(typeof value === 'string' ? asContent(value) : JSON.stringify(value)));
}

interface Mentions {
  run: RunMachine;
  context: Record<string, string>;
  parts: [string, string][];
  /** It can see which instance it is. */
  index: boolean;
}

const mentioned = new WeakMap<ActionSpec, Mentions>();

/** Params, context and names of wiz that the action mentions as a word: a program sees them as variables. With
 *  WIZ_INPUT it sees all. */
function mentionsOf(run: RunMachine, node: ProcessorNode, action: ActionSpec): Mentions {
  const known = mentioned.get(action);
  if (known?.run === run && known.context === node.context) return known;
  const text =
    action.kind === 'script' ? action.text : action.kind === 'program' ? action.argv.join('\n') : '';
  const all = hasWord(text, 'WIZ_INPUT') || hasWord(text, 'WIZ_PARENT_CONTEXT');
  const parts: [string, string][] = [];
  for (const name in run.params)
    if (all || hasWord(text, environmentName(name)))
      parts.push([`param ${name}`, sha(JSON.stringify(run.params[name]))]);
  for (const name in node.context)
    if (all || hasWord(text, name)) parts.push([`context ${name}`, sha(node.context[name]!)]);
  const own = { WIZ_RUN_ID: run.runId, WIZ_PIPELINE: run.pipeline, WIZ_PROCESSOR: node.name };
  for (const [name, value] of Object.entries(own))
    if (hasWord(text, name)) parts.push([`env ${name}`, sha(value)]);
  const mentions = { run, context: node.context, parts, index: all || hasWord(text, 'WIZ_INDEX') };
  mentioned.set(action, mentions);
  return mentions;
}

const WORD = /[A-Za-z0-9_]/;

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (!WORD.test(text[at - 1] ?? '') && !WORD.test(text[at + word.length] ?? '')) return true;
  }
  return false;
}

/** The program, and the files that its arguments name. */
function diskParts(parts: Parts, ground: FingerprintGround): Late<void> {
  const { work, look } = ground;
  if (work.action.kind !== 'program') return;
  const workdir = workdirOf(ground);
  const late: Promise<void>[] = [];
  const addFile = (name: string, path: string, partOf: (content: string) => string) => {
    const found = look.hashOf(path);
    if (found instanceof Promise)
      late.push(
        found.then((value) => {
          if (value !== undefined) add(parts, name, partOf(value));
        }),
      );
    else if (found !== undefined) add(parts, name, partOf(found));
  };
  const [program = '', ...rest] = work.action.argv;
  if (!hasMarks(program)) {
    const searchPath = searchPathOf(ground);
    const file = look.once(`program ${workdir}\0${searchPath}\0${program}`, () =>
      programFile(program, searchPath, workdir),
    );
    if (file === undefined) add(parts, 'program', ABSENT);
    else addFile('program', file, (content) => sha(`${file}\0${content}`));
  }
  for (const text of rest)
    if (mayBePath(text) && (workdir !== '' || isAbsolute(text)))
      addFile(`file ${text}`, resolve(workdir, text), (content) => CONTENT + content);
  return late.length === 0 ? undefined : Promise.all(late).then(() => {});
}

/** Linux takes no longer path. */
const MAX_PATH = 4096;

function mayBePath(text: string): boolean {
  return (
    text !== '' &&
    text.length < MAX_PATH &&
    !text.startsWith('-') &&
    !text.includes('\0') &&
    !text.includes('\n')
  );
}

function searchPathOf({ run, node, work, environment }: FingerprintGround): string | undefined {
  return (
    work.ready.environment.PATH ?? node.context.PATH ?? paramEnvironment(run.params).PATH ?? environment.PATH
  );
}

function workdirOf({ run, node }: Pick<FingerprintGround, 'run' | 'node'>): string {
  return node.spec.workdir ?? run.spec.workdir;
}

const dataHashes = new WeakMap<Data, string>();

function dataHash(data: Data): string {
  let known = dataHashes.get(data);
  if (known === undefined) {
    const { case: form, value } = data.value;
    const head = `${form}\0${data.mediaType}\0${data.form}\0`;
    if (form === 'bytes') known = sha(head + sha(value));
    else if (form === 'any') known = sha(`${head}${value.typeUrl}\0${sha(value.value)}`);
    else if (form === 'file') known = sha(head + value.hash);
    else known = sha(head + (value ?? ''));
    dataHashes.set(data, known);
  }
  return known;
}

/** The text with the content of files in place of where they are. */
function asContent(text: string): string {
  if (!hasMarks(text)) return text;
  return replaceMarks(text, (mark) => {
    if (mark.kind === 'secret') return `\0secret:${mark.name}\0`;
    return `\0file:${mark.hash}:${mark.folder}:${basename(mark.place)}\0`;
  });
}

/** Hashes of short texts, most of which all processors of a run share: a chain of 10,000 unchanged processors takes
 *  290 ms with, and 420 ms without. */
const shortHashes = new Map<string, string>();
const SHORT_LENGTH = 64;
const MAX_SHORT_HASHES = 2000;

function sha(content: string | Uint8Array): string {
  if (typeof content !== 'string' || content.length > SHORT_LENGTH) return hash('sha256', content, 'hex');
  let known = shortHashes.get(content);
  if (known === undefined) {
    known = hash('sha256', content, 'hex');
    if (shortHashes.size >= MAX_SHORT_HASHES) shortHashes.clear();
    shortHashes.set(content, known);
  }
  return known;
}
