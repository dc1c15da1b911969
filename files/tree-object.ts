/**
 * The tree object: a folder as one object of the file store. It names its entries with their hashes, so the hash of a
 * tree stands for everything in it: the same folder has the same hash everywhere, and any change another.
 *
 *     wiz-tree 1\n
 *     file HASH SIZE NAME\0
 *     executable HASH SIZE NAME\0
 *     folder HASH SIZE ENTRIES NAME\0       HASH of its tree object; SIZE and ENTRIES of everything in it
 *     link TARGET\0NAME\0
 *
 * Entries are in the order of the bytes of their names, each name once. There is one encoding of each tree, and no
 * other is accepted. Modification times, owners, and other modes are not kept. Names are UTF-8.
 *
 * A **link** inside the folder stays a link, so that loops and links to folders cost nothing and come out as they
 * went in. Its target is relative and goes up only at its beginning, at most to the folder that was stored: so whatever
 * other links there are, it cannot lead out. (`a/../../b` could, when `a` is itself a link.)
 */
import { FileStoreError } from './file-store.ts';
import { isHash } from './hash.ts';

export type TreeEntry =
  /** Size in bytes. */
  | { kind: 'file' | 'executable'; name: string; hash: string; size: number }
  /** Bytes of all files in it, at any depth; entries likewise. */
  | { kind: 'folder'; name: string; hash: string; size: number; entries: number }
  | { kind: 'link'; name: string; target: string };

export interface TreeTotals {
  /** Bytes of all files. */
  size: number;
  /** Files, folders and links, at any depth. */
  entries: number;
}

/** Folders in folders; a path of that many has 4,096 bytes soon, which is where Linux ends. */
export const MAX_DEPTH = 256;
/** In one folder with all below. A tree object from elsewhere could name a small folder a billion times. */
export const MAX_ENTRIES = 10_000_000;
/** Of one tree object: 500,000 entries and more. */
export const MAX_TREE_BYTES = 64 * 1024 * 1024;
/** What file systems take. Bytes. */
const MAX_NAME_BYTES = 255;
const MAX_TARGET_BYTES = 4_095;

const HEADER = 'wiz-tree 1\n';

/** The tree object of these entries, in whatever order they come. */
export function encodeTree(entries: readonly TreeEntry[]): Uint8Array {
  const sorted = entries
    .map((entry) => ({ entry, key: Buffer.from(entry.name) }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
  for (const [i, { entry, key }] of sorted.entries()) {
    checkName(entry.name);
    if (entry.kind === 'link') checkTarget(entry.name, entry.target, MAX_DEPTH);
    if (i > 0 && key.equals(sorted[i - 1]!.key))
      throw unsafe(`two entries have the name ${shown(entry.name)}`);
  }
  checkTotals(totalsOf(entries));
  const tree = Buffer.from(HEADER + sorted.map(({ entry }) => encodeEntry(entry)).join(''));
  if (tree.length > MAX_TREE_BYTES) {
    throw new FileStoreError(
      'too-large',
      `A folder has ${entries.length} entries; that is more than can be stored.`,
    );
  }
  return tree;
}

/** Reads a tree object that may come from anywhere. */
export function parseTree(tree: Uint8Array): TreeEntry[] {
  if (tree.length > MAX_TREE_BYTES)
    throw new FileStoreError('too-large', 'A tree object is larger than allowed.');
  const text = Buffer.from(tree.buffer, tree.byteOffset, tree.byteLength).toString('utf8');
  if (!text.startsWith(HEADER)) throw unsafe('it does not begin as one');
  const fields = text.slice(HEADER.length).split('\0');
  if (fields.pop() !== '') throw unsafe('it ends within an entry');
  const entries: TreeEntry[] = [];
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    if (field.startsWith('link ')) {
      entries.push({ kind: 'link', target: field.slice(5), name: fields[++i] ?? '' });
    } else {
      entries.push(parseEntry(field));
    }
  }
  // One encoding for each tree: this finds wrong order, odd numbers, and bytes that are no UTF-8, too.
  if (!Buffer.from(encodeTree(entries)).equals(tree)) throw unsafe('it is not written the one way it can be');
  return entries;
}

export function totalsOf(entries: readonly TreeEntry[]): TreeTotals {
  const totals = { size: 0, entries: 0 };
  for (const entry of entries) {
    totals.size += entry.kind === 'link' ? 0 : entry.size;
    totals.entries += 1 + (entry.kind === 'folder' ? entry.entries : 0);
  }
  return totals;
}

/** `depth` is how many folders the link is in below the one that was stored. */
export function checkTarget(name: string, target: string, depth: number): void {
  const parts = target.split('/');
  const ups = parts.findIndex((part) => part !== '..');
  const rest = ups < 0 ? [] : parts.slice(ups);
  const isInside = (ups < 0 ? parts.length : ups) <= depth && !rest.includes('..') && !target.startsWith('/');
  if (isInside && target !== '' && !target.includes('\0') && Buffer.byteLength(target) <= MAX_TARGET_BYTES)
    return;
  throw new FileStoreError(
    'unsafe',
    `The link ${shown(name)} leads to ${shown(target)}, which is or could be outside of the folder. Links are kept when ` +
      'they are relative, stay inside, and have no .. after a name.',
  );
}

export function checkName(name: string): void {
  const isName = name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && name.isWellFormed();
  if (isName && Buffer.byteLength(name) <= MAX_NAME_BYTES) return;
  throw new FileStoreError('unsafe', `${shown(name)} cannot be the name of a file.`);
}

function encodeEntry(entry: TreeEntry): string {
  switch (entry.kind) {
    case 'link':
      return `link ${entry.target}\0${entry.name}\0`;
    case 'folder':
      return `folder ${entry.hash} ${entry.size} ${entry.entries} ${entry.name}\0`;
    default:
      return `${entry.kind} ${entry.hash} ${entry.size} ${entry.name}\0`;
  }
}

function parseEntry(field: string): TreeEntry {
  const kind = field.slice(0, field.indexOf(' '));
  // Split at the first spaces only: a name may have some.
  const numbers = kind === 'folder' ? 3 : 2;
  const parts = field.split(' ').slice(1, 1 + numbers);
  const name = field.slice(kind.length + parts.join(' ').length + 2);
  const [hash, size, entries] = parts;
  if (!isHash(hash ?? '')) throw unsafe('an entry has no hash');
  const known = { name, hash: hash!, size: count(size) };
  if (kind === 'folder') return { kind, ...known, entries: count(entries) };
  if (kind === 'file' || kind === 'executable') return { kind, ...known };
  throw unsafe(`an entry is a ${shown(kind)}`);
}

function count(text: string | undefined): number {
  const value = Number(text);
  if (text !== undefined && /^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw unsafe(`${shown(text ?? '')} is no size`);
}

function checkTotals({ size, entries }: TreeTotals): void {
  if (!Number.isSafeInteger(size)) throw unsafe('its size is no size');
  if (entries <= MAX_ENTRIES) return;
  throw new FileStoreError(
    'too-large',
    `A folder has ${entries} files and folders; at most ${MAX_ENTRIES} are stored.`,
  );
}

function unsafe(reason: string): FileStoreError {
  return new FileStoreError('unsafe', `This is no tree object: ${reason}.`);
}

/** For messages: quoted, short, and without control characters. */
function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
