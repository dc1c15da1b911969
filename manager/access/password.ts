import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { WizError } from '../../proto/error.ts';

/**
 * Passwords, hashed with scrypt: `$scrypt$ln=15,r=8,p=3$SALT$HASH`. The parameters are in the text, so that they can be raised
 * for new passwords.
 */

export interface ScryptParameters {
  /** Logarithm of the cost, to base 2. */
  ln: number;
  /** Block size. */
  r: number;
  /** Rounds. */
  p: number;
}

/** One of the settings that OWASP's cheat sheet of password storage takes to be equal: 32 MiB, 0.2 s on one core. */
const PARAMETERS: ScryptParameters = { ln: 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const SALT_BYTES = 16;
/** Hashings at once: each holds 32 MiB, and one of the four threads that files and names are looked up in. */
const AT_ONCE = 2;
/** Those that wait: some seconds of work. More are refused. */
const MOST_WAITING = 32;
/** Characters. Length is what counts; longer ones would only be work. */
const SHORTEST = 12;
const LONGEST = 256;

const TEXT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)$/;
const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** Throws WizError invalid_argument. */
export function checkPassword(password: string): void {
  const { length } = password;
  if (length >= SHORTEST && length <= LONGEST) return;
  throw new WizError(
    'invalid_argument',
    `A password has ${SHORTEST} to ${LONGEST} characters, not ${length}.`,
  );
}

/** Throws WizError resource_exhausted when too many wait. */
export async function hashPassword(password: string, parameters = PARAMETERS): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return textOf(salt, await hashed(password, salt, parameters), parameters);
}

/** Takes the same time wherever the two differ. Throws WizError resource_exhausted when too many wait. */
export async function isPassword(password: string, text: string): Promise<boolean> {
  const [, ln, r, p, salt, hash] = TEXT.exec(text) ?? [];
  if (salt === undefined || hash === undefined) return false;
  const kept = Buffer.from(hash, 'base64url');
  const parameters = { ln: Number(ln), r: Number(r), p: Number(p) };
  const given = await hashed(password, Buffer.from(salt, 'base64url'), parameters);
  return kept.length === given.length && timingSafeEqual(given, kept);
}

/** What no password has: whoever is not there is checked against it, and costs what others do. */
export const NO_PASSWORD = textOf(randomBytes(SALT_BYTES), randomBytes(HASH_BYTES), PARAMETERS);

function textOf(salt: Buffer, hash: Buffer, { ln, r, p }: ScryptParameters): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

let running = 0;
const waiting: (() => void)[] = [];

async function hashed(password: string, salt: Buffer, { ln, r, p }: ScryptParameters): Promise<Buffer> {
  if (running >= AT_ONCE) {
    if (waiting.length >= MOST_WAITING) {
      throw new WizError(
        'resource_exhausted',
        'Too many passwords are being checked. Try again in some seconds.',
      );
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running += 1;
  try {
    const N = 2 ** ln;
    // The same text in two notations of Unicode is one password.
    return await derive(password.normalize('NFKC'), salt, HASH_BYTES, { N, r, p, maxmem: 256 * N * r });
  } finally {
    // Whoever is next has the place at once, so that nobody comes between.
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}
