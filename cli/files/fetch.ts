/**
 * Puts a file, or a folder whole, at a path. It is made beside the path under a name of its own and takes its place in
 * one step: half of it is never seen there.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { lstat, mkdir, open, rename, rm, symlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import type { FolderEntry } from '../../proto/gen/wiz/v1/files_pb.js';
import { UsageError } from '../usage.ts';
import { checkedContent } from './content.ts';
import { type Files, type Found, isInside } from './find.ts';

/** Files of a folder that are fetched at once. */
const AT_ONCE = 4;

export interface FetchOptions {
  /** Replaces what is there. */
  force: boolean;
  onBytes(bytes: number): void;
}

/** The path that `-o` means: in a folder that is there it goes under its own name. */
export async function targetOf(found: Found, out: string | undefined): Promise<string> {
  if (out === undefined) return found.base;
  const isFolder = out.endsWith('/') || (await lstat(out).catch(() => undefined))?.isDirectory();
  return isFolder ? join(out, found.base) : out;
}

export async function fetchTo(
  files: Files,
  found: Found,
  path: string,
  options: FetchOptions,
): Promise<void> {
  await refuseTaken(path, options);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  using _cleanUp = removedWhenTold(temporary);
  try {
    if (found.entries) await fetchFolder(files, found.entries, temporary, options);
    else await fetchFile(files, found, temporary, options);
    await refuseTaken(path, options);
    await putInPlace(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw told(error, path);
  }
}

async function refuseTaken(path: string, { force }: FetchOptions): Promise<void> {
  const taken = await lstat(path).catch(() => undefined);
  if (taken && !force)
    throw new UsageError(`${path} is there already`, '--force replaces it; -o PATH takes another name.');
}

async function fetchFile(
  files: Files,
  file: { hash: string; size: number; executable: boolean },
  path: string,
  { onBytes }: FetchOptions,
): Promise<void> {
  await using handle = await open(path, 'wx', file.executable ? 0o777 : 0o666);
  for await (const data of checkedContent(files, file, basename(path))) {
    await handle.writeFile(data);
    onBytes(data.length);
  }
}

async function fetchFolder(
  files: Files,
  entries: FolderEntry[],
  root: string,
  options: FetchOptions,
): Promise<void> {
  await mkdir(root);
  const made = new Set<string>();
  const makeFolder = async (path: string) => {
    if (made.has(path)) return;
    await mkdir(path, { recursive: true });
    made.add(path);
  };
  const queue = entries.filter(({ link }) => link === '').values();
  const worker = async () => {
    for (const entry of queue) {
      const path = join(root, checkedPath(entry.path));
      await makeFolder(entry.hash === '' ? path : dirname(path));
      if (entry.hash !== '') await fetchFile(files, entry, path, options);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  // After all else, so that nothing is written through one.
  for (const { path, link } of entries) {
    if (link === '') continue;
    const place = join(root, checkedPath(path));
    if (!isInside({ path, link })) throw leadsOut(path);
    await makeFolder(dirname(place));
    await symlink(link, place);
  }
}

/** A path that stays in its folder. */
function checkedPath(path: string): string {
  const parts = path.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..' || /[\0\\]/.test(part));
  if (bad) throw leadsOut(path);
  return path;
}

function leadsOut(path: string): ConnectError {
  return new ConnectError(`The folder holds ${JSON.stringify(path)}, which leads out of it.`, Code.Internal);
}

async function putInPlace(temporary: string, path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  const isFolder = (await lstat(temporary)).isDirectory();
  // A file takes the place of a file in one step; a folder that is there has to go first.
  if (!there || !(isFolder || there.isDirectory())) return rename(temporary, path);
  const old = `${temporary}.old`;
  await rename(path, old);
  await rename(temporary, path);
  await rm(old, { recursive: true, force: true });
}

/** Removes what is half made when a signal ends this process. */
function removedWhenTold(path: string): Disposable {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const listeners = signals.map((signal) => {
    const listener = () => {
      rmSync(path, { recursive: true, force: true });
      process.exit(128 + constants.signals[signal]);
    };
    process.once(signal, listener);
    return [signal, listener] as const;
  });
  return {
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) process.off(signal, listener);
    },
  };
}

function told(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new UsageError(`cannot write ${path}: there is no folder ${dirname(path)}`);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new UsageError(`cannot write ${path}: it is not allowed`);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ConnectError(`Cannot write ${path}: the disk is full.`, Code.ResourceExhausted);
  }
  return error;
}
