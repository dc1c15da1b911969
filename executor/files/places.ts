import fs from 'node:fs';
import path from 'node:path';
import { placeFolder } from '../../files/place-folder.ts';
import { AttemptFailure } from '../data/attempt-failure.ts';
import type { ExecutorFiles } from './executor-files.ts';

/** A file of the store and where programs find it: `place` is below the `files` folder of their staging folder. */
export interface PlacedFile {
  hash: string;
  folder: boolean;
  place: string;
}

/**
 * Wiz Files in the staging folders of runs. A place is
 *   empty     nobody has asked for it
 *   filling   its content is being put there; who wants the place waits
 *   filled    by one hash, and unchanged since: nothing is done for it again. Wanted with another hash (a processor was
 *             tried again), or changed by a program, it is filled anew
 */
export interface Places {
  /** The absolute path, once the file is there; waits for its content to come to the store. */
  put(staging: string, file: PlacedFile, signal: AbortSignal): Promise<string>;
  /** The staging folder is gone. */
  forget(staging: string): void;
}

/** How long a file that is nowhere is waited for where the attempt has no time-out; milliseconds. */
const LONGEST_WAIT_MS = 60 * 60_000;

interface Place {
  hash: string;
  stamp: string;
  filling: Promise<void>;
}

export function createPlaces(files: ExecutorFiles): Places {
  const stagings = new Map<string, Map<string, Place>>();
  let placings = 0;

  async function fill(
    place: Place,
    staging: string,
    at: string,
    { hash, folder }: PlacedFile,
  ): Promise<void> {
    if (place.hash === hash && place.stamp === stampOf(at)) return;
    place.hash = '';
    fs.mkdirSync(path.dirname(at), { recursive: true, mode: 0o700 });
    // Beside the files, so that programs see whole ones only.
    const fresh = path.join(staging, `.placing-${process.pid}-${++placings}`);
    try {
      if (folder) await placeFolder(files.store, hash, fresh);
      else await files.store.place(hash, fresh, { executable: false });
      if (folder || fs.lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) await removeTree(at);
      fs.renameSync(fresh, at);
    } catch (error) {
      await removeTree(fresh);
      throw error;
    }
    place.hash = hash;
    place.stamp = stampOf(at);
  }

  function placesOf(staging: string): Map<string, Place> {
    let places = stagings.get(staging);
    if (places === undefined) {
      places = new Map();
      stagings.set(staging, places);
    }
    return places;
  }

  return {
    async put(staging, file, signal) {
      const at = pathOfPlace(staging, file.place);
      const places = placesOf(staging);
      let place = places.get(at);
      if (place !== undefined && place.hash === file.hash && place.stamp === stampOf(at)) return at;
      await ensure(files, file, signal);
      place = places.get(at);
      if (place === undefined) {
        place = { hash: '', stamp: '', filling: Promise.resolve() };
        places.set(at, place);
      }
      const mine = place;
      const filled = mine.filling.then(() => fill(mine, staging, at, file));
      mine.filling = filled.catch(() => {});
      await unlessAborted(filled, signal);
      return at;
    },
    forget: (staging) => void stagings.delete(staging),
  };
}

/** Waits for a file to be in the store, but not for ever. */
export async function ensure(
  files: ExecutorFiles,
  file: { hash: string; folder: boolean },
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.timeout(LONGEST_WAIT_MS);
  try {
    await unlessAborted(files.ensure(file, AbortSignal.any([signal, limit])), signal);
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error;
    const message = `the file ${file.hash} did not arrive within ${LONGEST_WAIT_MS / 60_000} minutes`;
    throw new AttemptFailure('file-absent', message, { infra: true, cause: error });
  }
}

/** Absolute, and below the `files` folder whatever the place says. */
export function pathOfPlace(staging: string, place: string): string {
  const parts = place.split('/');
  if (place.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new AttemptFailure('bad-file', `${JSON.stringify(place)} cannot be the place of a file`);
  }
  return path.join(staging, 'files', ...parts);
}

/** Changes with the content, as long as nobody means to hide that. Of a folder: of the folder alone. */
function stampOf(at: string): string {
  const stat = fs.lstatSync(at, { throwIfNoEntry: false });
  return stat === undefined ? 'none' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}

/** Folders of the store are placed read-only, which keeps even their owner from removing what is in them. */
export async function removeTree(at: string): Promise<void> {
  try {
    await fs.promises.rm(at, { recursive: true, force: true });
  } catch {
    for (const folder of await foldersIn(at)) await fs.promises.chmod(folder, 0o700).catch(() => {});
    await fs.promises.rm(at, { recursive: true, force: true });
  }
}

async function foldersIn(at: string): Promise<string[]> {
  const stat = await fs.promises.lstat(at).catch(() => undefined);
  if (!stat?.isDirectory()) return [];
  await fs.promises.chmod(at, 0o700).catch(() => {});
  const entries = await fs.promises.readdir(at, { withFileTypes: true }).catch(() => []);
  const below = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => foldersIn(path.join(at, entry.name)));
  return [at, ...(await Promise.all(below)).flat()];
}

export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
