import { createHash } from 'node:crypto';
import { WizError } from '../../proto/error.ts';

/** What the built-in macros of a run are. All of it follows from the run's id and the time it was created, so that a
 *  run that is taken over or resumed has the same. */

/** Macros that every run has beside its params and context. Scripts get those that they mention as variables. */
export const BUILT_IN_MACROS = ['RUN_ID', 'PIPELINE', 'DATE', 'TIME', 'DATETIME'] as const;

/** Names that neither a param nor the context can have. */
export const RESERVED_NAMES: readonly string[] = [...BUILT_IN_MACROS, 'RANDOM'];

/** Characters that `${RANDOM:n}` may have at most: as many as one SHA-256 has in hexadecimal. */
export const MAX_RANDOM = 64;

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** The n of `RANDOM:n`; undefined for another name. */
export function randomLength(name: string): number | undefined {
  return name.startsWith('RANDOM:') ? Number(name.slice('RANDOM:'.length)) : undefined;
}

/** `length` characters a-z and 0-9, the same for the same run and length. Other lengths give other texts. */
export function randomText(runId: string, length: number): string {
  // Bytes past the last whole multiple of the alphabet are left out: each character is as likely as any other.
  const limit = 256 - (256 % ALPHABET.length);
  let text = '';
  for (let block = 0; text.length < length; block++) {
    const bytes = createHash('sha256').update(`RANDOM:${length}\n${runId}\n${block}`).digest();
    for (const byte of bytes) if (byte < limit) text += ALPHABET[byte % ALPHABET.length];
  }
  return text.slice(0, length);
}

export interface RunClock {
  /** `2026-03-01` */
  date: string;
  /** `09:30:00` */
  time: string;
  /** `2026-03-01T09:30:00+01:00` */
  datetime: string;
}

/** DATE, TIME and DATETIME of a run. `timeZone` is an IANA name; throws WizError invalid_argument for any other. */
export function runClock(createdMs: number, timeZone: string): RunClock {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'longOffset',
    });
  } catch (cause) {
    throw new WizError('invalid_argument', `"${timeZone}" is not a time zone. Use a name such as UTC.`, {
      cause,
    });
  }
  const parts = Object.fromEntries(format.formatToParts(createdMs).map(({ type, value }) => [type, value]));
  const date = `${parts.year!.padStart(4, '0')}-${parts.month}-${parts.day}`;
  const time = `${parts.hour}:${parts.minute}:${parts.second}`;
  // "GMT+01:00"; UTC itself is "GMT" or "GMT+00:00", by the version of the platform's tables.
  const offset = parts.timeZoneName!.slice('GMT'.length).replace(/^(\+00:00)?$/, 'Z');
  return { date, time, datetime: `${date}T${time}${offset}` };
}
