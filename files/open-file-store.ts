import { isAbsolute, resolve } from 'node:path';
import { WizError } from '../proto/error.ts';
import type { FileStore, FileStoreAddress } from './file-store.ts';
import { openFolderStore } from './folder-store.ts';

/**
 * Opens the file store at an address. Throws WizError for one that is wrong, and FileStoreError when the store cannot be
 * opened. `environment` has the credentials of S3, and TMPDIR, where content waits until it is sent.
 */
export async function openFileStore(
  address: FileStoreAddress,
  { environment }: { environment: NodeJS.ProcessEnv },
): Promise<FileStore> {
  if (address.includes('\0')) throw wrong(address, 'there is a NUL in it');
  if (address.startsWith('folder:')) return await openFolderStore(folderOf(address));
  if (address.startsWith('s3:')) {
    const { parseS3Address } = await import('./s3-address.ts');
    const s3Address = parseS3Address(address, (reason) => wrong(address, reason));
    const { openS3Store } = await import('./s3-store.ts');
    return await openS3Store(s3Address, environment);
  }
  throw wrong(address, 'it begins neither with folder: nor with s3:');
}

function folderOf(address: string): string {
  const path = address.slice('folder:'.length);
  if (!isAbsolute(path)) throw wrong(address, `the path of its folder is not absolute`);
  return resolve(path);
}

function wrong(address: string, reason: string): WizError {
  return new WizError(
    'invalid_argument',
    `The file store ${JSON.stringify(address)} cannot be opened: ${reason}. An address is folder:/absolute/path, or ` +
      's3://BUCKET/PREFIX with ?endpoint=URL&region=NAME&pathStyle=true as needed.',
  );
}
