import { openFileStore } from '../../files/open-file-store.ts';
import { type Finding, fail, ok, reasonOf, warn } from '../../proto/finding.ts';

/** The same at each look, so that a store keeps it once; nothing refers to it, and it is collected. */
const CONTENT = Buffer.from('wiz doctor was here\n');

/** Puts a small file into the file store and reads it back. */
export async function fileStoreFindings(
  address: string,
  store: string,
  environment: NodeJS.ProcessEnv,
): Promise<Finding[]> {
  const name = 'file store';
  try {
    const files = await openFileStore(address, { environment });
    try {
      const startedMs = performance.now();
      const { hash } = await files.putBytes(CONTENT);
      const back = await files.readBytes(hash);
      if (!CONTENT.equals(back)) throw new Error('what was written comes back otherwise');
      const tookMs = Math.round(performance.now() - startedMs);
      return [ok(name, `${address}, written and read in ${tookMs} ms`), ...reach(address, store)];
    } finally {
      await files.close();
    }
  } catch (error) {
    return [fail(name, `${address}: ${reasonOf(error)}`, 'Is "files" right, and may this user write there?')];
  }
}

/** Managers on other machines need the same files. */
function reach(address: string, store: string): Finding[] {
  if (!address.startsWith('folder:') || store.startsWith('sqlite:')) return [];
  const advice = 'Use s3://… or a folder that every machine mounts there, if managers run on others too.';
  return [warn('files for all', `${address} is a folder, and the store is shared`, advice)];
}
