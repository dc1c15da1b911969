import { createHmac, randomBytes } from 'node:crypto';
import type { AccessStore } from '../store/access-store.ts';
import { tooMany, unauthenticated } from './denial.ts';
import type { Identity } from './identity.ts';
import type { Limiter } from './limiter.ts';
import { isPassword, NO_PASSWORD } from './password.ts';

/** Users with passwords, as HTTP's `Basic` sends them: base64 of `NAME:PASSWORD`. */
export interface Users {
  /** `networkWaitMs`: how long the caller's network has to wait before a password of it is looked at. Throws ConnectError:
   *  unauthenticated with one answer for whatever was wrong, resource_exhausted. */
  identify(base64: string, networkWaitMs: number): Promise<Identity>;
  /** Whether the user still is there, with that role. */
  holds(name: string, role: number): Promise<boolean>;
}

/** Milliseconds that a right password is remembered: not every call of a page costs 0.2 s. */
const REMEMBER_MS = 60_000;
const CAPACITY = 1000;
/** Characters, see the names that users can have. */
const LONGEST_NAME = 64;

export function createUsers(options: {
  store: AccessStore;
  /** Failures by name. */
  accounts: Limiter;
  now: () => number;
}): Users {
  const { store, accounts, now } = options;
  /** Of right passwords nothing is kept that would help whoever reads this memory later. */
  const key = randomBytes(32);
  const right = new Map<string, number>();
  /** Checks that are under way, so that many calls at once cost one. */
  const checking = new Map<string, Promise<boolean>>();

  function check(mark: string, password: string, hash: string): Promise<boolean> {
    let check = checking.get(mark);
    if (check === undefined) {
      check = isPassword(password, hash).finally(() => checking.delete(mark));
      checking.set(mark, check);
    }
    return check;
  }

  function remember(mark: string): void {
    right.delete(mark);
    right.set(mark, now() + REMEMBER_MS);
    if (right.size > CAPACITY) right.delete(right.keys().next().value!);
  }

  return {
    async identify(base64, networkWaitMs) {
      const text = Buffer.from(base64, 'base64').toString('utf8');
      const colon = text.indexOf(':');
      // Nobody has such a name: there is nothing to find out about it, and nothing to hash.
      if (colon < 1 || colon > LONGEST_NAME) throw wrong();
      const name = text.slice(0, colon);
      const password = text.slice(colon + 1);
      const user = await store.getUser(name);
      // With the hash in it, a changed password is asked for at once.
      const hash = user?.passwordHash ?? NO_PASSWORD;
      const mark = createHmac('sha256', key).update(`${name}\0${hash}\0${password}`).digest('base64');
      if (user === undefined || (right.get(mark) ?? 0) <= now()) {
        const waitMs = Math.max(networkWaitMs, accounts.waitMs(name));
        if (waitMs > 0) throw tooMany(waitMs);
        const isRight = await check(mark, password, hash);
        if (!isRight || user === undefined) {
          accounts.failed(name);
          throw wrong();
        }
        accounts.forget(name);
        remember(mark);
      }
      return { kind: 'user', name, role: user.role, scopes: [], expiresMs: 0, credential: '' };
    },
    async holds(name, role) {
      return (await store.getUser(name))?.role === role;
    },
  };
}

function wrong(): Error {
  return unauthenticated('The user name or the password is wrong.');
}
