import { type FileStore, FileStoreError } from './file-store.ts';
import { hashOf } from './hash.ts';
import { inParallel } from './parallel.ts';
import { MAX_TREE_BYTES, parseTree } from './tree-object.ts';
import { checkDepth, childrenOf } from './tree-walk.ts';

export interface TreeBringer {
  /** The content of a tree object, from elsewhere. */
  readTree(hash: string): Promise<Uint8Array>;
  /** Brings a blob into the store. */
  bring(hash: string): Promise<void>;
}

/** Of one folder; each folder in it has as many again, so whoever brings has to bound them. */
const AT_ONCE = 16;

/**
 * Brings a folder from elsewhere into the store: what it names first, its tree object last, so that a tree object in a
 * store stands for a whole folder, also after a kill. In a folder store, where looking costs 2 µs, what a tree object
 * names is looked for all the same: it may have been damaged. What tree objects say is not trusted.
 */
export async function bringTree(store: FileStore, root: string, bringer: TreeBringer): Promise<void> {
  /** Each object once, however often it is named. */
  const begun = new Map<string, Promise<void>>();

  function once(key: string, bring: () => Promise<void>): Promise<void> {
    let bringing = begun.get(key);
    if (bringing === undefined) {
      bringing = bring();
      begun.set(key, bringing);
    }
    return bringing;
  }

  async function folder(hash: string, depth: number): Promise<void> {
    checkDepth(depth);
    const isThere = (await store.has(hash)) !== undefined;
    if (isThere && store.kind !== 'folder') return;
    const tree = isThere ? await store.readBytes(hash, MAX_TREE_BYTES) : await bringer.readTree(hash);
    checkHashOf(tree, hash);
    await inParallel(childrenOf(parseTree(tree)), AT_ONCE, (child) =>
      child.folder
        ? once(`folder ${child.hash}`, () => folder(child.hash, depth + 1))
        : once(child.hash, () => blob(child.hash)),
    );
    if (!isThere) await store.putBytes(tree);
  }

  async function blob(hash: string): Promise<void> {
    if ((await store.has(hash)) === undefined) await bringer.bring(hash);
  }

  await folder(root, 0);
}

function checkHashOf(content: Uint8Array, hash: string): void {
  const actual = hashOf(content);
  if (actual === hash) return;
  throw new FileStoreError('mismatch', `The tree object ${hash} came with the hash ${actual}.`);
}
