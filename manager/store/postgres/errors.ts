import { WizError } from '../../../proto/error.ts';
import { lastReason } from '../reason.ts';

/**
 * What PostgreSQL, the driver and the network say when something fails. Codes of five characters are SQLSTATEs
 * (postgresql.org/docs/current/errcodes-appendix.html), others those of the driver and of the system.
 */

/** The connection is gone, or there is none: what was asked may have been done or not. */
const LOST = [
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOENT',
  // The server shuts down, crashed, or starts.
  '57P01',
  '57P02',
  '57P03',
];
/** Two transactions were in each other's way. */
const CONFLICTS = ['40001', '40P01', '55P03'];

/** The code of an error of the driver or of Drizzle, which wraps it; empty for others. */
export function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return '';
}

/** The same may work a little later. */
export function isPassing(error: unknown): boolean {
  return isLost(error) || CONFLICTS.includes(codeOf(error));
}

export function isLost(error: unknown): boolean {
  const code = codeOf(error);
  return LOST.includes(code) || (code.length === 5 && code.startsWith('08'));
}

/** What the user is told of a failure of the database at `place`, which has no password in it. WizErrors pass as they
 *  are. */
export function storeError(error: unknown, place: string): WizError {
  if (error instanceof WizError) return error;
  const code = codeOf(error);
  const options = { cause: error };
  const store = `The store ${place}`;
  if (isLost(error)) {
    return new WizError(
      'unavailable',
      `${store} cannot be reached (${lastReason(error)}); check that PostgreSQL runs there, and try again.`,
      options,
    );
  }
  switch (code) {
    case '53100':
      return new WizError(
        'resource_exhausted',
        `There is no space left for the store ${place}; nothing of this was stored; make room on the disk of ` +
          'PostgreSQL and try again.',
        options,
      );
    case '53200':
      return new WizError(
        'resource_exhausted',
        `There is no memory left for the store ${place} (${lastReason(error)}).`,
        options,
      );
    case '53300':
      return new WizError(
        'unavailable',
        `${store} takes no more connections; raise max_connections of PostgreSQL, or end what holds them.`,
        options,
      );
    case '28000':
    case '28P01':
    case 'SASL_SIGNATURE_MISMATCH':
      return new WizError(
        'permission_denied',
        `${store} refuses user and password (${lastReason(error)}); check those of the address.`,
        options,
      );
    case '42501':
      return new WizError(
        'permission_denied',
        `${store} does not allow it (${lastReason(error)}); grant the user of the address its rights.`,
        options,
      );
    case '3D000':
      return new WizError(
        'failed_precondition',
        `${store} is not there (${lastReason(error)}); create the database, for example with createdb.`,
        options,
      );
    case '25006':
      return new WizError(
        'unavailable',
        `${store} is read-only (${lastReason(error)}); connect to the primary, not to a standby.`,
        options,
      );
    case '57014':
      return new WizError(
        'unavailable',
        `${store} ended a statement that took too long (${lastReason(error)}); raise statement_timeout for this user.`,
        options,
      );
    case '40001':
    case '40P01':
    case '55P03':
      return new WizError(
        'unavailable',
        `${store} is locked by others (${lastReason(error)}); try again.`,
        options,
      );
    case 'ENOTFOUND':
      return new WizError(
        'unavailable',
        `${store} cannot be found (${lastReason(error)}); check the host of the address.`,
        options,
      );
    case 'CONNECTION_ENDED':
      return new WizError('unavailable', `${store} was closed.`, options);
    case '58030':
    case '58P01':
    case 'XX001':
    case 'XX002':
      return new WizError(
        'unavailable',
        `${store} is damaged, or its disk does not work (${lastReason(error)}); look at the log of PostgreSQL.`,
        options,
      );
    default:
      return new WizError('internal', `${store} failed: ${lastReason(error)}.`, options);
  }
}
