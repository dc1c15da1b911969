import { createHash } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import { followDownload } from '../follow.ts';
import type { Files } from './find.ts';

/** Content of a file. Throws when it ends and was not what its hash says. */
export async function* checkedContent(
  files: Pick<Files, 'downloadFile'>,
  file: { hash: string; size: number },
  name: string,
): AsyncGenerator<Uint8Array> {
  const digest = createHash('sha256');
  let bytes = 0;
  for await (const data of followDownload(files, file)) {
    digest.update(data);
    bytes += data.length;
    yield data;
  }
  if (digest.digest('hex') === file.hash) return;
  const what = bytes < file.size ? `ended after ${bytes} of ${file.size} bytes` : 'is not what its hash says';
  throw new ConnectError(
    `What came of ${name} ${what}. Nothing of it is to be trusted; try again.`,
    Code.Unavailable,
  );
}
