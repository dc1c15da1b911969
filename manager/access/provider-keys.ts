import { Code, ConnectError } from '@connectrpc/connect';
import type { FetchImplementation, RemoteJWKSet } from 'jose';

/**
 * The keys of an OIDC provider, found through its discovery document.
 *
 *   [unknown] --discovered, fetched--> fresh --REFRESH_MS--> stale --fetched--> fresh
 *   stale --the provider does not answer--> stale, for KEEP_MS in all--> [unknown]
 *   unknown, or a key that is not among them: fetched again, at most every RETRY_MS
 *
 * While the provider is down the keys that are known go on; without any, nobody can be checked, and nobody is let in.
 */
export interface ProviderKeys {
  /** Finds the key that a token names. Throws ConnectError unavailable. */
  get(): Promise<RemoteJWKSet>;
}

/** Milliseconds after which keys are fetched again: one that was withdrawn is trusted for so long. */
const REFRESH_MS = 600_000;
/** Milliseconds that keys are trusted while the provider does not answer. */
const KEEP_MS = 86_400_000;
/** Milliseconds between tries, whatever tokens come: nobody can make this manager flood the provider. */
const RETRY_MS = 10_000;
const TIMEOUT_MS = 5000;
/** Bytes of an answer. Large providers have 20 keys, 30 kB. */
const LARGEST = 1_000_000;

export function createProviderKeys(
  issuer: string,
  { now, note }: { now: () => number; note: (message: string) => void },
): ProviderKeys {
  let keys: RemoteJWKSet | undefined;
  let discovering: Promise<RemoteJWKSet> | undefined;
  let fetchedMs = 0;
  let failedMs = Number.NEGATIVE_INFINITY;

  /** Every way to the provider: with a time-out, a size, no redirects, and not again soon after it failed. */
  async function ask(url: string, init: RequestInit = {}): Promise<Response> {
    if (now() - failedMs < RETRY_MS) throw new Error(`${url} failed less than ${RETRY_MS / 1000} s ago`);
    try {
      const signal = AbortSignal.any([
        AbortSignal.timeout(TIMEOUT_MS),
        ...(init.signal ? [init.signal] : []),
      ]);
      const response = await fetch(url, { ...init, signal, redirect: 'error' });
      if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
      return new Response(await readAll(response, url), { headers: { 'content-type': 'application/json' } });
    } catch (error) {
      failedMs = now();
      note(`the OIDC provider cannot be asked: ${(error as Error).message}`);
      throw error;
    }
  }

  const fetchKeys: FetchImplementation = async (url, options) => {
    const response = await ask(url, options);
    fetchedMs = now();
    return response;
  };

  async function discover(): Promise<RemoteJWKSet> {
    const { createRemoteJWKSet, customFetch } = await import('jose');
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = (await (await ask(url)).json()) as { issuer?: unknown; jwks_uri?: unknown };
    const keysUrl = keysUrlOf(document, issuer, url);
    const found = createRemoteJWKSet(keysUrl, {
      // When keys are old is decided below: jose would forget those it has before it asks.
      cacheMaxAge: Number.POSITIVE_INFINITY,
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: RETRY_MS,
      [customFetch]: fetchKeys,
    });
    await found.reload();
    return found;
  }

  return {
    async get() {
      if (keys !== undefined && now() - fetchedMs > KEEP_MS) keys = undefined;
      if (keys === undefined) {
        discovering ??= discover().finally(() => {
          discovering = undefined;
        });
        keys = await discovering.catch((error) => {
          const message = `The OIDC provider ${issuer} cannot be asked for its keys. Try again later, or use a token of wiz.`;
          throw new ConnectError(message, Code.Unavailable, undefined, undefined, error);
        });
      } else if (now() - fetchedMs > REFRESH_MS && now() - failedMs > RETRY_MS && !keys.reloading) {
        keys.reload().catch(() => {});
      }
      return keys;
    },
  };
}

/** Throws what an operator is told. */
function keysUrlOf(document: { issuer?: unknown; jwks_uri?: unknown }, issuer: string, url: string): URL {
  if (document.issuer !== issuer) {
    throw new Error(`${url} is of the issuer ${JSON.stringify(document.issuer)}, not ${issuer}`);
  }
  const keysUrl = URL.parse(String(document.jwks_uri));
  // As safe as the issuer's own address.
  if (keysUrl === null || (keysUrl.protocol !== 'https:' && keysUrl.protocol !== new URL(issuer).protocol)) {
    throw new Error(`${url} names no https address of keys`);
  }
  return keysUrl;
}

async function readAll(response: Response, url: string): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > LARGEST) throw new Error(`${url} answered more than ${LARGEST} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
