import type { Path } from './subject.ts';

/** Where an entry of a map or list is written: offsets in the text. */
export interface Entry {
  key: number;
  start: number;
  end: number;
  /** A number or boolean as it was written: `1.10`, not 1.1. */
  written: string | undefined;
}

/** The places of all entries of one document, by the map or list they belong to. */
export class Places {
  readonly #entries = new WeakMap<object, Map<string | number, Entry>>();
  readonly #start: number;

  constructor(start: number) {
    this.#start = start;
  }

  of(container: object): Map<string | number, Entry> {
    let entries = this.#entries.get(container);
    if (entries === undefined) {
      entries = new Map();
      this.#entries.set(container, entries);
    }
    return entries;
  }

  /** Entry of a path; of its longest part that exists when it leads nowhere. Undefined for the root. */
  find(root: unknown, path: Path): Entry | undefined {
    let entry: Entry | undefined;
    let value: unknown = root;
    for (const step of path) {
      if (typeof value !== 'object' || value === null) break;
      const next = this.of(value).get(step);
      if (next === undefined) break;
      entry = next;
      value = (value as Record<string | number, unknown>)[step];
    }
    return entry;
  }

  /** Offset of a key; of the item for a list. */
  keyAt(root: unknown, path: Path): number {
    return this.find(root, path)?.key ?? this.#start;
  }

  /** Offset of a value; of its key when the value is empty. */
  valueAt(root: unknown, path: Path): number {
    const entry = this.find(root, path);
    if (entry === undefined) return this.#start;
    return entry.start === entry.end ? entry.key : entry.start;
  }
}
