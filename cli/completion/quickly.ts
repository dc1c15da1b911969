/** Names for a shell's completion from a daemon: nobody waits for long, and what was known before helps meanwhile. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

type Names = [string, string][];

/** Milliseconds that a completion waits for a daemon. */
const PATIENCE_MS = 300;

/** What is asked for, if it comes in time; else what came the last time. `key` says what is asked of whom. */
export async function quickly(ask: () => Promise<Names>, key: string[]): Promise<Names> {
  const file = join(cacheFolder(), `${createHash('sha256').update(JSON.stringify(key)).digest('hex')}.json`);
  const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), PATIENCE_MS));
  const names = await Promise.race([ask(), late]).catch(() => undefined);
  if (names === undefined) return known(file);
  remember(file, names);
  return names;
}

function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wiz', 'completion');
}

function known(file: string): Names {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Names;
  } catch {
    return [];
  }
}

/** A cache that cannot be written is none. */
function remember(file: string, names: Names): void {
  try {
    mkdirSync(cacheFolder(), { recursive: true, mode: 0o700 });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(names), { mode: 0o600 });
    renameSync(temporary, file);
  } catch {
    // Asked for again the next time.
  }
}
