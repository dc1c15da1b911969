/** What a daemon is shown with every call. */
import type { Place } from '../contexts/choose.ts';

export interface Authorization {
  /** Value of the header; undefined: none. */
  header(): Promise<string | undefined>;
}

export function authorizationOf({ name, credential }: Place & { kind: 'remote' }): Authorization {
  if (credential === undefined) return { header: async () => undefined };
  if (credential.kind === 'token') return { header: async () => `Bearer ${credential.token}` };
  if (credential.kind === 'basic') {
    const encoded = Buffer.from(`${credential.user}:${credential.password}`).toString('base64');
    return { header: async () => `Basic ${encoded}` };
  }
  let current = credential;
  return {
    async header() {
      // While one signs in there is no context yet that could keep another.
      if (name !== '' && isOld(current.expiresMs)) {
        const { refreshed } = await import('../login/refresh.ts');
        current = await refreshed(name, current);
      }
      return `Bearer ${current.idToken}`;
    },
  };
}

/** Milliseconds before its end from which a token is not shown any more: clocks differ, and calls take their time. */
const MARGIN_MS = 30_000;

export function isOld(expiresMs: number): boolean {
  return expiresMs > 0 && expiresMs - Date.now() < MARGIN_MS;
}
