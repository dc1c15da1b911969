import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { didYouMean, type NearestFinder } from './nearest.ts';
import { type Entry, Places } from './places.ts';
import { subjectOf } from './subject.ts';

/** Deeper files are refused: what reads them later (JSON, protobuf, shells) must not run out of stack. */
const MAX_DEPTH = 100;
/** Characters that aliases may add to a file. A bomb of nested aliases adds billions; four full files are plenty. */
const MAX_ALIASED_CHARACTERS = 16 * 1024 * 1024;

export interface Problem {
  offset: number;
  message: string;
  hint: string;
}

/**
 * One YAML document as plain JSON values, with the place of everything. Aliases share the value of their
 * anchor, so a document never takes more memory than its text deserves; what they would add when written out
 * is counted and limited. Merge keys (`<<`) are joined in.
 */
export interface PlainDocument {
  root: unknown;
  places: Places;
  problems: Problem[];
}

type PositionOf = (offset: number) => { line: number; column: number };

interface Plain {
  value: unknown;
  /** Characters of the text with every alias written out. */
  size: number;
  /** Levels of maps and lists. */
  height: number;
}

const NOTHING: Plain = { value: null, size: 1, height: 0 };

export function plainDocument(
  document: Document.Parsed,
  positionOf: PositionOf,
  nearest: NearestFinder,
): PlainDocument {
  const contents = document.contents as Node | null;
  const start = contents?.range?.[0] ?? document.range[0];
  const converter = new Converter(new Places(start), positionOf, nearest);
  const root = contents === null ? null : converter.convert(contents, 0).value;
  return { root, places: converter.places, problems: converter.problems };
}

class Converter {
  readonly places: Places;
  readonly problems: Problem[] = [];
  readonly #positionOf: PositionOf;
  readonly #nearest: NearestFinder;
  /** By name; null while the anchored map or list is being read. YAML lets later anchors take over a name. */
  readonly #anchors = new Map<string, Plain | null>();
  readonly #path: (string | number)[] = [];
  #aliased = 0;

  constructor(places: Places, positionOf: PositionOf, nearest: NearestFinder) {
    this.places = places;
    this.#positionOf = positionOf;
    this.#nearest = nearest;
  }

  convert(node: Node | null, depth: number): Plain {
    if (node === null) return NOTHING;
    if (isAlias(node)) return this.#alias(node, depth);
    const anchor = 'anchor' in node ? node.anchor : undefined;
    if (anchor) this.#anchors.set(anchor, null);
    const plain = this.#plain(node, depth);
    if (anchor) this.#anchors.set(anchor, plain);
    return plain;
  }

  #plain(node: Node, depth: number): Plain {
    if (isScalar(node)) return this.#scalar(node);
    if (depth >= MAX_DEPTH) {
      this.#report(node, `maps and lists are nested more than ${MAX_DEPTH} deep`, '');
      return NOTHING;
    }
    if (isMap(node)) return this.#map(node, depth + 1);
    if (isSeq(node)) return this.#list(node, depth + 1);
    return NOTHING;
  }

  #scalar(node: Scalar): Plain {
    const { value } = node;
    const size = 1 + (typeof value === 'string' ? value.length : (node.source?.length ?? 0));
    if (typeof value !== 'string') return { value, size, height: 0 };
    if (value.includes('\0') || !value.isWellFormed()) {
      this.#report(
        node,
        'the text holds a character that no program can take (NUL or half a surrogate pair)',
        '',
      );
    }
    return { value, size, height: 0 };
  }

  #alias(node: Alias, depth: number): Plain {
    const target = this.#anchors.get(node.source);
    if (target === undefined) {
      const near = this.#nearest(node.source, [...this.#anchors.keys()]);
      this.#report(
        node,
        `there is no anchor "&${node.source}" above this alias "*${node.source}"`,
        near === undefined ? 'Put text that starts with * in quotes.' : didYouMean(`*${near}`),
      );
      return NOTHING;
    }
    if (target === null) {
      this.#report(node, `the alias "*${node.source}" stands inside its own anchor`, '');
      return NOTHING;
    }
    if (depth + target.height > MAX_DEPTH) {
      this.#report(node, `aliases nest maps and lists more than ${MAX_DEPTH} deep`, '');
      return NOTHING;
    }
    const before = this.#aliased;
    this.#aliased += target.size;
    if (this.#aliased > MAX_ALIASED_CHARACTERS) {
      if (before <= MAX_ALIASED_CHARACTERS) {
        this.#report(
          node,
          'aliases would add more than 16 MiB to this file',
          'Write the repeated part once.',
        );
      }
      return NOTHING;
    }
    return target;
  }

  #list(node: YAMLSeq, depth: number): Plain {
    const list: unknown[] = [];
    const entries = this.places.of(list);
    let size = 2;
    let height = 0;
    for (const item of node.items as (Node | null)[]) {
      this.#path.push(list.length);
      const plain = this.convert(item, depth);
      this.#path.pop();
      entries.set(list.length, entryOf(item, item?.range?.[0] ?? 0));
      list.push(plain.value);
      size += 1 + plain.size;
      height = Math.max(height, plain.height);
    }
    return { value: list, size, height: height + 1 };
  }

  #map(node: YAMLMap, depth: number): Plain {
    const map: Record<string, unknown> = {};
    const entries = this.places.of(map);
    const merged: object[] = [];
    let size = 2;
    let height = 0;
    for (const pair of node.items as Pair<Node | null, Node | null>[]) {
      const isMerge = isScalar(pair.key) && pair.key.type === 'PLAIN' && pair.key.source === '<<';
      const key = isMerge ? '<<' : this.#key(pair.key);
      this.#path.push(key ?? '?');
      const plain = this.convert(pair.value, depth);
      this.#path.pop();
      size += plain.size;
      height = Math.max(height, plain.height);
      if (key === undefined) continue;
      if (isMerge) {
        merged.push(...this.#mergeSources(plain.value, pair));
        continue;
      }
      size += key.length + 2;
      const at = pair.key?.range?.[0] ?? 0;
      const first = entries.get(key);
      if (first !== undefined) {
        this.#reportDuplicate(key, at, first.key);
        continue;
      }
      entries.set(key, entryOf(pair.value, at));
      map[key] = plain.value;
    }
    for (const source of merged) this.#merge(map, source);
    return { value: map, size, height: height + 1 };
  }

  #key(node: Node | null): string | undefined {
    const value = node !== null && isAlias(node) ? this.#alias(node, 0).value : undefined;
    const key =
      value ?? (isScalar(node) ? (typeof node.value === 'string' ? node.value : node.source) : undefined);
    if (typeof key !== 'string' || key === '') {
      if (node !== null) this.#report(node, 'a key must be text', '');
      return undefined;
    }
    if (key === '__proto__') {
      this.#report(node, 'the key "__proto__" is not allowed', 'Choose another name.');
      return undefined;
    }
    return key;
  }

  #mergeSources(value: unknown, pair: Pair<Node | null, Node | null>): object[] {
    const sources = Array.isArray(value) ? value : [value];
    if (sources.every((source) => typeof source === 'object' && source !== null && !Array.isArray(source))) {
      return sources;
    }
    this.#report(
      pair.key,
      'the merge key "<<" takes a map, or a list of maps',
      'Write for example <<: *common.',
    );
    return [];
  }

  /** Keys of the map itself win, then those of the first source. */
  #merge(map: Record<string, unknown>, source: object): void {
    const entries = this.places.of(map);
    const origin = this.places.of(source);
    for (const [key, value] of Object.entries(source)) {
      if (entries.has(key)) continue;
      entries.set(key, origin.get(key)!);
      map[key] = value;
    }
  }

  #reportDuplicate(key: string, offset: number, first: number): void {
    const { line, column } = this.#positionOf(first);
    const path = this.#path;
    const what =
      path.length === 1 && path[0] === 'processors'
        ? `duplicate processor "${key}"`
        : `duplicate key "${key}"${path.length === 0 ? '' : ` in ${subjectOf(path)}`}`;
    this.problems.push({
      offset,
      message: `${what}; the first is at line ${line}, column ${column}`,
      hint: 'Remove or rename one.',
    });
  }

  #report(node: Node | null, message: string, hint: string): void {
    this.problems.push({ offset: node?.range?.[0] ?? 0, message, hint });
  }
}

function entryOf(node: Node | null, key: number): Entry {
  const [start, end] = node?.range ?? [key, key];
  const written =
    isScalar(node) && typeof node.value !== 'string' && node.value !== null ? node.source : undefined;
  return { key, start, end, written };
}
