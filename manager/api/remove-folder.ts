import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WizError } from '../../proto/error.ts';

/** Removes a folder and all in it, if it is there; also what a program left without the right to write. Links are not
 *  followed. Throws WizError unavailable. */
export async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await openFolders(path);
    await rm(path, { recursive: true, force: true }).catch((cause) => {
      throw new WizError('unavailable', `The folder ${path} cannot be removed: ${cause.message}.`, { cause });
    });
  }
}

async function openFolders(path: string): Promise<void> {
  await chmod(path, 0o700).catch(() => {});
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await openFolders(join(path, entry.name));
}
