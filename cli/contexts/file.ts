/**
 * The contexts of this user: managers that were signed in to. One JSON file with credentials in it, so it is the user's
 * alone (0600) and is replaced in one step. JSON, because every command reads it.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../usage.ts';

export type Credential =
  | { kind: 'token'; token: string }
  | { kind: 'basic'; user: string; password: string }
  | OidcCredential;

export interface OidcCredential {
  kind: 'oidc';
  issuer: string;
  clientId: string;
  scopes: string[];
  /** What the daemon is shown. */
  idToken: string;
  /** When that ends; 0 is unknown. */
  expiresMs: number;
  /** Empty: the provider gave none, and one has to sign in again. */
  refreshToken: string;
}

export interface Context {
  /** http(s)://host:port */
  url: string;
  /** PEM of the authority of its certificate, when that is none that Node knows. */
  ca?: string;
  /** Clear text may leave this machine. */
  insecure?: boolean;
  credential?: Credential;
}

export interface Contexts {
  /** Name of the chosen one; undefined is the bundled manager. */
  current?: string;
  contexts: Record<string, Context>;
}

export function contextsPath(environment: NodeJS.ProcessEnv): string {
  return join(environment.XDG_CONFIG_HOME || join(homedir(), '.config'), 'wiz', 'contexts.json');
}

/** Throws UsageError for a file that is not as it was written. */
export function readContexts(environment: NodeJS.ProcessEnv): Contexts {
  const path = contextsPath(environment);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { contexts: {} };
    throw new UsageError(`the contexts in ${path} cannot be read: ${message}`);
  }
  try {
    const value = JSON.parse(text) as Contexts;
    const urls = Object.values(value.contexts).map(({ url }) => url);
    if (urls.every((url) => typeof url === 'string')) return value;
  } catch {
    // Told below.
  }
  throw new UsageError(`${path} is damaged`, 'Remove it, and sign in again with wiz login.');
}

/** Undefined when there is none; what every object inherits (`constructor`) is none. */
export function ownContext(contexts: Contexts['contexts'], name: string): Context | undefined {
  return Object.hasOwn(contexts, name) ? contexts[name] : undefined;
}

/** Changes the file while no other wiz does. `change` sees it as it is now. */
export async function changeContexts(
  environment: NodeJS.ProcessEnv,
  change: (contexts: Contexts) => Contexts | Promise<Contexts>,
): Promise<Contexts> {
  const path = contextsPath(environment);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = `${path}.lock`;
  await takeLock(lock);
  try {
    const changed = await change(readContexts(environment));
    const temporary = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(temporary, `${JSON.stringify(changed, null, 2)}\n`, { mode: 0o600 });
    renameSync(temporary, path);
    return changed;
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** Milliseconds after which a lock was left by a wiz that was killed: asking a provider for new tokens takes less. */
const STALE_MS = 30_000;
const LOOK_MS = 20;

async function takeLock(path: string): Promise<void> {
  for (;;) {
    try {
      mkdirSync(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const sinceMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - sinceMs > STALE_MS) rmSync(path, { recursive: true, force: true });
    else await sleep(LOOK_MS);
  }
}
