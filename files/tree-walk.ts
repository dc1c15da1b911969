import { type FileStore, FileStoreError } from './file-store.ts';
import {
  checkTarget,
  MAX_DEPTH,
  MAX_TREE_BYTES,
  parseTree,
  type TreeEntry,
  type TreeTotals,
  totalsOf,
} from './tree-object.ts';

/** An entry anywhere in a tree. `path` is relative to the tree, its parts divided by `/`. */
export type TreeEntryAt = TreeEntry & { path: string };

/** As many as the file systems of most machines follow. */
const MAX_LINKS = 40;

/** Entries of one tree object. */
export async function readTree(store: FileStore, hash: string): Promise<TreeEntry[]> {
  return parseTree(await store.readBytes(hash, MAX_TREE_BYTES));
}

/** Everything in a tree: each folder before what is in it, names in the order of their bytes. Reads as it goes. */
export async function* listTree(store: FileStore, hash: string): AsyncGenerator<TreeEntryAt, void> {
  yield* listBelow(store, hash, '', 0, undefined);
}

async function* listBelow(
  store: FileStore,
  hash: string,
  parent: string,
  depth: number,
  told: TreeTotals | undefined,
): AsyncGenerator<TreeEntryAt, void> {
  checkDepth(depth);
  const entries = await readTree(store, hash);
  checkTold(hash, entries, told);
  for (const entry of entries) {
    const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
    if (entry.kind === 'link') checkTarget(path, entry.target, depth);
    yield { ...entry, path };
    if (entry.kind === 'folder') yield* listBelow(store, entry.hash, path, depth + 1, entry);
  }
}

export interface TreeChild {
  hash: string;
  size: number;
  folder: boolean;
}

/** The objects that a tree object names itself, each once: what has to be there for it to be whole. */
export async function treeChildren(store: FileStore, hash: string): Promise<TreeChild[]> {
  return childrenOf(await readTree(store, hash));
}

export function childrenOf(entries: readonly TreeEntry[]): TreeChild[] {
  const children = new Map<string, TreeChild>();
  for (const entry of entries) {
    if (entry.kind === 'link') continue;
    const folder = entry.kind === 'folder';
    // A tree object can also be the content of a file, and then it is followed once as a tree.
    if (folder || !children.has(entry.hash))
      children.set(entry.hash, { hash: entry.hash, size: entry.size, folder });
  }
  return [...children.values()];
}

/**
 * What is at a path in a tree; links are followed. `.` or nothing is the tree itself, undefined is nothing there. A path
 * that climbs out is `unsafe`.
 */
export async function entryInTree(
  store: FileStore,
  hash: string,
  path: string,
): Promise<{ kind: 'file' | 'executable' | 'folder'; hash: string; size: number } | undefined> {
  const rest = path.split('/');
  if (path.startsWith('/') || rest.includes('..') || path.includes('\0')) {
    throw new FileStoreError('unsafe', `${JSON.stringify(path)} is no path in a folder: it leads out of it.`);
  }
  const folders = [{ hash, entries: await readTree(store, hash) }];
  for (let links = 0; rest.length > 0; ) {
    const name = rest.shift()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      folders.pop();
      continue;
    }
    const entry = folders.at(-1)!.entries.find((one) => one.name === name);
    if (!entry) return undefined;
    if (entry.kind === 'link') {
      checkTarget(path, entry.target, folders.length - 1);
      if (++links > MAX_LINKS) return undefined;
      rest.unshift(...entry.target.split('/'));
    } else if (entry.kind === 'folder') {
      checkDepth(folders.length);
      folders.push({ hash: entry.hash, entries: await readTree(store, entry.hash) });
    } else {
      return rest.some((part) => part !== '' && part !== '.') ? undefined : entry;
    }
  }
  const { hash: found, entries } = folders.at(-1)!;
  return { kind: 'folder', hash: found, size: totalsOf(entries).size };
}

export function checkDepth(depth: number): void {
  if (depth <= MAX_DEPTH) return;
  throw new FileStoreError('unsafe', `A folder has more than ${MAX_DEPTH} folders in each other.`);
}

/** The totals that a tree tells of a folder decide how much is read, so they have to be right. */
export function checkTold(hash: string, entries: readonly TreeEntry[], told: TreeTotals | undefined): void {
  const actual = totalsOf(entries);
  if (!told || (told.size === actual.size && told.entries === actual.entries)) return;
  throw new FileStoreError(
    'mismatch',
    `The folder ${hash} has ${actual.entries} entries and ${actual.size} bytes, and is told to have ` +
      `${told.entries} and ${told.size}.`,
  );
}
