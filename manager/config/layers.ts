import { resolve } from 'node:path';
import type { Diagnostic } from '../../proto/error.ts';
import { valueAt } from '../spec/explain.ts';
import { nearest } from '../spec/nearest.ts';
import { dotted, type Path } from '../spec/subject.ts';
import type { ConfigFile } from './read-file.ts';
import { resolveReferences } from './references.ts';
import { configSchema } from './schema.ts';
import { factsOf, schemaAt, settingsOf } from './setting.ts';
import { valueOfText } from './text-value.ts';

export interface ConfigSources {
  environment: NodeJS.ProcessEnv;
  /** What --config named. */
  file?: string | undefined;
  /** What other flags said: values by the path of their setting (`tls.key`), with the flag's name for errors. */
  flags?: { path: string; value: string | boolean | string[]; flag: string }[];
  /** Folder that relative paths of the environment and of flags refer to. */
  folder: string;
}

/** Where a value came from: a place in the file, a variable, a flag. */
export type Origin =
  | { kind: 'file'; file: string; line: number; column: number; written: unknown }
  | { kind: 'environment' | 'flag'; name: string };

/** The settings of all sources laid over each other, and where each came from. */
export class Layers {
  readonly tree: Record<string, unknown> = {};
  /** The same as it may be told about: references, not what they stand for. */
  readonly shown: Record<string, unknown> = {};
  readonly origins = new Map<string, Origin>();
  readonly problems: Diagnostic[] = [];
  readonly secretVariables: string[] = [];
  readonly #file: ConfigFile | undefined;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #folder: string;
  readonly #settings = settingsOf(configSchema);

  constructor(file: ConfigFile | undefined, { environment, folder }: ConfigSources) {
    this.#file = file;
    this.#environment = environment;
    this.#folder = folder;
  }

  addFile(file: ConfigFile): void {
    this.problems.push(...file.problems);
    Object.assign(this.shown, structuredClone(file.root));
    Object.assign(this.tree, this.#fromFile(file, file.root, []) as object);
  }

  /** A copy of what the file says, with its references resolved and its paths absolute. */
  #fromFile(file: ConfigFile, value: unknown, path: Path): unknown {
    if (Array.isArray(value)) {
      this.#noteFile(file, value, path);
      return value.map((item, i) => this.#fromFile(file, item, [...path, i]));
    }
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [key, this.#fromFile(file, inner, [...path, key])]),
      );
    }
    this.#noteFile(file, value, path);
    if (typeof value !== 'string' || !value.includes('${')) return this.#placed(value, path, file.folder);
    const resolved = resolveReferences(value, { environment: this.#environment, folder: file.folder });
    this.secretVariables.push(...resolved.variables);
    if (resolved.problem !== '') {
      this.problems.push(file.at('value', path, `${resolved.problem}, in "${dotted(path)}"`, resolved.hint));
    }
    const schema = schemaAt(configSchema, path);
    const typed = schema === undefined ? resolved.text : valueOfText(resolved.text, schema);
    return this.#placed(typed, path, file.folder);
  }

  #noteFile(file: ConfigFile, written: unknown, path: Path): void {
    const { line, column } = file.at('value', path, '', '');
    this.origins.set(dotted(path), { kind: 'file', file: file.path, line, column, written });
  }

  addEnvironment(): void {
    for (const { path, schema, facts } of this.#settings) {
      const text = facts.environment && this.#environment[facts.environment];
      if (!text) continue;
      if (facts.secret) this.secretVariables.push(facts.environment!);
      this.#overlay(path, valueOfText(text, schema), { kind: 'environment', name: facts.environment! });
    }
  }

  addFlag(at: string, value: string | boolean | string[], flag: string): void {
    const path = at.split('.');
    const schema = schemaAt(configSchema, path);
    if (schema === undefined) {
      const known = this.#settings.map((setting) => dotted(setting.path));
      const near = nearest(at, known);
      const hint = near === undefined ? '`wiz config show` lists the settings.' : `Did you mean "${near}"?`;
      this.problems.push({ file: flag, line: 0, column: 0, message: `there is no setting "${at}"`, hint });
      return;
    }
    const typed = typeof value === 'string' ? valueOfText(value, schema) : value;
    this.#overlay(path, typed, { kind: 'flag', name: flag });
  }

  #overlay(path: string[], value: unknown, origin: Origin): void {
    for (const root of [this.tree, this.shown]) put(root, path, this.#placed(value, path, this.#folder));
    const name = dotted(path);
    for (const below of [...this.origins.keys()]) if (isWithin(below, name)) this.origins.delete(below);
    this.origins.set(name, origin);
  }

  /** Relative paths refer to a folder. */
  #placed(value: unknown, path: Path, folder: string): unknown {
    if (Array.isArray(value)) return value.map((item, i) => this.#placed(item, [...path, i], folder));
    if (typeof value !== 'string' || value === '') return value;
    const { kind } = factsOf(schemaAt(configSchema, path));
    if (kind === 'path') return resolve(folder, value);
    const local = kind === 'address' ? /^(sqlite|folder):(.+)$/.exec(value) : null;
    return local === null ? value : `${local[1]}:${resolve(folder, local[2]!)}`;
  }

  /** Says where a complaint about a setting belongs: the flag or variable that set it, or its place in the file. */
  diagnostic(path: Path, at: 'key' | 'value', message: string, hint: string): Diagnostic {
    const name = dotted(path);
    const file = this.#file;
    const inFile = file !== undefined && valueAt(file.root, path) !== undefined;
    const [, origin] =
      [...this.origins].find(([set]) => isWithin(name, set)) ??
      [...this.origins].find(([set, { kind }]) => isWithin(set, name) && !(kind === 'file' || inFile)) ??
      [];
    if (origin !== undefined && origin.kind !== 'file') {
      return { file: origin.name, line: 0, column: 0, message, hint };
    }
    if (file !== undefined) return file.at(at, path, message, hint);
    return { file: '', line: 0, column: 0, message, hint };
  }
}

function put(root: Record<string, unknown>, path: string[], value: unknown): void {
  let map = root;
  for (const key of path.slice(0, -1)) {
    const inner = map[key];
    const isMap = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    if (!isMap) map[key] = {};
    map = map[key] as Record<string, unknown>;
  }
  map[path.at(-1)!] = value;
}

/** Whether one setting is another, or a part of it. */
export function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
}
