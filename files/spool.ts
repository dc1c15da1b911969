import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { storeError } from './system-errors.ts';

/**
 * Writes a stream to a temporary file, to know its hash before it is sent. The file has no name any more, so that it is
 * gone when the handle is closed, also by a kill.
 */
export async function spool(
  content: AsyncIterable<Uint8Array>,
  folder: string,
): Promise<{ handle: FileHandle; hash: string; size: number }> {
  const path = join(folder, `wiz-spool-${randomBytes(8).toString('hex')}`);
  const fail = (error: unknown): never => {
    throw storeError(error, `The folder for temporary files ${folder}`);
  };
  const handle = await open(path, 'wx+', 0o600).catch(fail);
  try {
    await rm(path).catch(fail);
    const sha256 = createHash('sha256');
    let size = 0;
    for await (const chunk of content) {
      sha256.update(chunk);
      size += chunk.length;
      await handle.appendFile(chunk).catch(fail);
    }
    return { handle, hash: sha256.digest('hex'), size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
