import type { FileStore } from '../../files/file-store.ts';
import { listTree } from '../../files/tree-walk.ts';
import type { File } from '../../proto/gen/wiz/v1/data_pb.js';

/** Milliseconds for which an object stays that nobody has asked for; the store takes an hour more to delete it. */
const UNUSED_MS = 3_600_000;
const EVERY_MS = 10 * 60_000;

/**
 * Keeps the store that an executor has for itself from growing for ever: every ten minutes what nobody has asked for in an
 * hour is collected, but for the files of attempts whose reports are not acknowledged. Attempts ask for what they are
 * given when they start, and managers have what they need when they acknowledge. Returns how to stop.
 */
export function collectUnused(store: FileStore, heldFiles: () => File[]): () => void {
  let collecting = false;
  const timer = setInterval(async () => {
    if (collecting) return;
    collecting = true;
    // What cannot be collected now is collected later.
    await collectOnce(store, heldFiles(), Date.now()).catch(() => {});
    collecting = false;
  }, EVERY_MS).unref();
  return () => clearInterval(timer);
}

export async function collectOnce(store: FileStore, held: File[], nowMs: number): Promise<void> {
  const referred = new Set<string>();
  for (const { hash, folder } of held) {
    referred.add(hash);
    if (!folder) continue;
    for await (const entry of listTree(store, hash)) if (entry.kind !== 'link') referred.add(entry.hash);
  }
  const isReferred = (hash: string) => referred.has(hash);
  await store.collect({ isReferred, beforeMs: nowMs - UNUSED_MS, nowMs, dryRun: false });
}
