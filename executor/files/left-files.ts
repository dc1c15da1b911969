import fs from 'node:fs';
import path from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { FileStore } from '../../files/file-store.ts';
import { putFolder } from '../../files/put-folder.ts';
import { type File, FileSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { knownMediaType } from '../../proto/media-type.ts';
import { AttemptFailure } from '../data/attempt-failure.ts';
import type { AttemptSecrets } from '../secrets/secrets.ts';
import { findSecret } from './secret-in-file.ts';

/** Taken in at once; more would only wait for the disk. */
const AT_ONCE = 8;

/**
 * Takes in what an attempt left in WIZ_FILES: a regular file is a file, a folder is one file too, a link within WIZ_FILES
 * is what it leads to. Anything else fails with bad-file, and the value of a secret with secret-in-file, before anything
 * is stored: a file is kept as it is, or not at all. With `move` the folder is emptied
 * where that is cheaper; not when a program may still write to it.
 */
export async function keepLeftFiles(
  folder: string,
  store: FileStore,
  options: { move: boolean; secrets?: AttemptSecrets | undefined },
): Promise<File[]> {
  const names = (await fs.promises.readdir(folder)).sort();
  const left: LeftFile[] = [];
  for (const name of names) left.push(await inspect(folder, name));
  if (options.secrets !== undefined) await refuseSecrets(folder, options.secrets);
  const files: File[] = new Array(left.length);
  // What links lead to stays until they have been followed.
  const moveAll = options.move && !left.some(({ linked }) => linked);
  let next = 0;
  const lane = async () => {
    while (next < left.length) {
      const index = next++;
      files[index] = await take(left[index]!, store, moveAll);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, lane));
  return files;
}

async function refuseSecrets(folder: string, secrets: AttemptSecrets): Promise<void> {
  const found = await findSecret(folder, secrets);
  if (found === undefined) return;
  const advice =
    'files are kept; leave it out, and give the secret to what needs it with secrets of that processor';
  throw new AttemptFailure(
    'secret-in-file',
    `${JSON.stringify(found.path)} in WIZ_FILES ${found.fault}: ${advice}`,
  );
}

interface LeftFile {
  name: string;
  /** Where the content is. */
  path: string;
  folder: boolean;
  linked: boolean;
}

async function inspect(folder: string, name: string): Promise<LeftFile> {
  const fault = faultOf(name);
  if (fault !== undefined) throw badFile(name, fault);
  let at = path.join(folder, name);
  let stat = await fs.promises.lstat(at);
  const linked = stat.isSymbolicLink();
  if (linked) {
    const target = await fs.promises.realpath(at).catch(() => undefined);
    if (target === undefined) throw badFile(name, 'is a link that leads nowhere');
    const inside = (await fs.promises.realpath(folder)) + path.sep;
    if (!target.startsWith(inside))
      throw badFile(name, 'is a link that leads out of WIZ_FILES; copy the file');
    at = target;
    stat = await fs.promises.stat(at);
  }
  if (!stat.isFile() && !stat.isDirectory()) throw badFile(name, 'is neither a file nor a folder');
  return { name, path: at, folder: stat.isDirectory(), linked };
}

/** Why a name cannot be that of a Wiz File, as the end of a sentence. */
function faultOf(name: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'has a line break or another control character in its name';
  if (name.includes('\ufffd')) return 'has a name that is not UTF-8';
  return undefined;
}

function badFile(name: string, fault: string): AttemptFailure {
  return new AttemptFailure('bad-file', `${JSON.stringify(name)} in WIZ_FILES ${fault}`);
}

async function take(left: LeftFile, store: FileStore, move: boolean): Promise<File> {
  const { name, folder } = left;
  const { hash, size } = folder
    ? await putFolder(store, left.path, { move })
    : await store.putFile(left.path, { move });
  return create(FileSchema, { name, hash, size, folder, mediaType: folder ? '' : knownMediaType(name) });
}
