/** Finds what a name means: a file or folder that a run left, or something in such a folder. */
import { basename } from 'node:path';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { FileService, FolderEntry, StoredFile } from '../../proto/gen/wiz/v1/files_pb.js';

export type Files = Client<typeof FileService>;

export interface Found {
  /** What it is called on disk. */
  base: string;
  hash: string;
  /** Bytes; of a folder of all files in it. */
  size: number;
  executable: boolean;
  /** Of a folder, with paths relative to it; undefined for a file. */
  entries: FolderEntry[] | undefined;
}

/** `name` as in GetFile, and further down when that is a folder: RUN/plots/a.png. */
export async function findFile(files: Files, name: string): Promise<Found> {
  try {
    const { file } = await files.getFile({ name });
    return await wholeOf(files, file!);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return (await findInFolder(files, name)) ?? Promise.reject(error);
  }
}

/** The longest beginning that names a folder has the rest in it. */
async function findInFolder(files: Files, name: string): Promise<Found | undefined> {
  for (let slash = name.lastIndexOf('/'); slash > 0; slash = name.lastIndexOf('/', slash - 1)) {
    const stored = await files.getFile({ name: name.slice(0, slash) }).catch((error) => {
      if (!isMissing(error)) throw error;
    });
    if (!stored) continue;
    if (!stored.file?.file?.folder) return undefined;
    const { entries } = await files.listFolder({ hash: stored.file.file.hash });
    return partOf(entries, name.slice(slash + 1).replace(/\/+$/, ''));
  }
  return undefined;
}

function isMissing(error: unknown): boolean {
  return error instanceof ConnectError && [Code.NotFound, Code.InvalidArgument].includes(error.code);
}

async function wholeOf(files: Files, { file, path }: StoredFile): Promise<Found> {
  const { hash, size, folder, name } = file!;
  const entries = folder ? (await files.listFolder({ hash })).entries : undefined;
  return { base: basename(path || name || hash), hash, size, executable: false, entries };
}

function partOf(entries: FolderEntry[], path: string): Found | undefined {
  const base = basename(path);
  const entry = entries.find((one) => one.path === path && one.hash !== '');
  if (entry) return { base, ...entry, entries: undefined };
  const below = entries.filter((one) => one.path.startsWith(`${path}/`));
  if (below.length === 0 && !entries.some((one) => one.path === path)) return undefined;
  return {
    base,
    hash: '',
    size: below.reduce((sum, one) => sum + one.size, 0),
    executable: false,
    entries: below.flatMap((one) => {
      const below = { ...one, path: one.path.slice(path.length + 1) };
      if (one.link === '' || isInside(below)) return [below];
      // What it leads to stays behind, so the content itself is had instead.
      return one.hash === '' ? [] : [{ ...below, link: '' }];
    }),
  };
}

/** Whether a link stays in the folder that paths are relative to: up only at its beginning, and no further than there
 *  are folders. */
export function isInside({ path, link }: Pick<FolderEntry, 'path' | 'link'>): boolean {
  const parts = link.split('/');
  const ups = parts.findIndex((part) => part !== '..');
  const rest = ups === -1 ? [] : parts.slice(ups);
  const depth = path.split('/').length - 1;
  return (ups === -1 ? parts.length : ups) <= depth && !rest.includes('..') && !/^\/|\0/.test(link);
}
