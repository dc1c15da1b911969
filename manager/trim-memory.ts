import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Milliseconds after the start of a daemon at which what the start has left is collected. */
const SETTLED_MS = 5000;

/**
 * Gives back what a start leaves behind (parsed sources, schemas that were built once): V8 keeps it until the heap grows, which
 * that of an idle daemon does not. Measured on PostgreSQL after 90 s: 103 MB with it, 120 MB without. It stops the process
 * for 40 to 80 ms, so only while nothing goes on. Returns how to call it off.
 */
export function trimMemorySoon(isIdle: () => boolean): () => void {
  const timer = setTimeout(() => {
    if (!isIdle()) return;
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    setFlagsFromString('--no-expose-gc');
  }, SETTLED_MS).unref();
  return () => clearTimeout(timer);
}
