/** What a connection that fails means, in words that help. */
import { Code, ConnectError } from '@connectrpc/connect';

/** The answers of a daemon carry its version; what has none does not come from one. */
export const VERSION_HEADER = 'wiz-version';

export interface Trouble {
  error: ConnectError;
  /** It may go away by itself. */
  passing: boolean;
  /** The daemon has not seen the call. */
  unsent: boolean;
}

/** Of an error that came out of a call to the daemon at `url`, which has `answered` before or not. Answers of the daemon itself
 *  stay as they are. */
export function troubleOf(error: unknown, url: string, answered: boolean): Trouble {
  const { host, hostname } = new URL(url);
  const made = (message: string, code = Code.Unavailable): ConnectError =>
    new ConnectError(message, code, undefined, undefined, error);
  const failed = (message: string, more: Partial<Trouble> = {}): Trouble => ({
    error: made(message),
    passing: false,
    unsent: true,
    ...more,
  });
  const codes = codesOf(error);
  const has = (...names: string[]) => names.some((name) => codes.includes(name));
  const certificate = codes.map((code) => CERTIFICATE[code]).find((words) => words !== undefined);
  if (certificate !== undefined) {
    return failed(`The certificate of ${host} ${certificate.what}. ${certificate.advice}`);
  }
  if (has('ECONNREFUSED'))
    return failed(`Nothing answers at ${url}: connection refused. ${IS_IT_UP}`, { passing: true });
  if (has('ENOTFOUND')) return failed(`There is no host ${hostname}. Is the name right? ${WHICH}`);
  if (has('EAI_AGAIN'))
    return failed(`The name ${hostname} cannot be looked up now. Is there a network?`, { passing: true });
  if (has('EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'))
    return failed(`There is no way to ${host}. Is there a network?`, { passing: true });
  if (has('ETIMEDOUT'))
    return failed(`${host} does not answer. Does a firewall keep it from doing so?`, { passing: true });
  if (has('WIZ_NO_TLS', 'EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG')) {
    return failed(`${host} does not speak TLS. Is it http://${host}?`);
  }
  if (has('WIZ_NO_HTTP2') || (!answered && isOtherProtocol(error, codes)))
    return failed(`${url} does not speak HTTP/2: it is no wiz daemon, or a proxy before it that cannot.`);
  if (isBroken(error, codes)) {
    const doubt = answered || url.startsWith('https:') ? '' : ` Is it https://${host}?`;
    return { error: made(`The connection to ${url} broke.${doubt}`), passing: true, unsent: false };
  }
  const known = ConnectError.from(error);
  if (known.metadata.has(VERSION_HEADER) || isOurs(known)) {
    return { error: known, passing: known.code === Code.Unavailable, unsent: false };
  }
  return foreign(known, url);
}

const WHICH = '`wiz context list` shows which manager commands talk to.';
const IS_IT_UP = `Is the daemon up? ${WHICH}`;

const OTHER_AUTHORITY = 'If it is that of your daemon, trust it: wiz login URL --ca FILE.';
const CERTIFICATE: Record<string, { what: string; advice: string }> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: { what: 'is self-signed', advice: OTHER_AUTHORITY },
  SELF_SIGNED_CERT_IN_CHAIN: { what: 'is of an authority that is not known here', advice: OTHER_AUTHORITY },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
    what: 'is of an authority that is not known here',
    advice: OTHER_AUTHORITY,
  },
  UNABLE_TO_GET_ISSUER_CERT: { what: 'is of an authority that is not known here', advice: OTHER_AUTHORITY },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: {
    what: 'is of an authority that is not known here',
    advice: OTHER_AUTHORITY,
  },
  CERT_HAS_EXPIRED: { what: 'has expired', advice: 'Whoever runs the daemon has to renew it.' },
  CERT_NOT_YET_VALID: { what: 'is not valid yet', advice: 'Is the clock of this machine right?' },
  ERR_TLS_CERT_ALTNAME_INVALID: { what: 'is for another name', advice: 'Use the name that it is for.' },
  CERT_SIGNATURE_FAILURE: { what: 'has a wrong signature', advice: OTHER_AUTHORITY },
  CERT_REVOKED: { what: 'was revoked', advice: 'Whoever runs the daemon has to renew it.' },
};

/** Codes of an error and of what caused it. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at = error; at instanceof Error && codes.length < 20; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code);
    const { errors } = at as { errors?: unknown[] };
    // One for each address of a name.
    if (Array.isArray(errors)) codes.push(...errors.flatMap(codesOf));
  }
  return codes;
}

/** What came was no HTTP/2 at all. */
function isOtherProtocol(error: unknown, codes: string[]): boolean {
  if (codes.includes('ERR_HTTP2_ERROR')) return true;
  return error instanceof ConnectError && /(INTERNAL|PROTOCOL)_ERROR \(/.test(error.rawMessage);
}

/** The stream or the connection ended under a call. */
function isBroken(error: unknown, codes: string[]): boolean {
  if (codes.some((code) => /^(ECONNRESET|EPIPE|ECONNABORTED|ERR_HTTP2_|ERR_STREAM_)/.test(code))) return true;
  if (!(error instanceof ConnectError)) return false;
  if (error.code === Code.Canceled) return /http\/2|connection/.test(error.rawMessage);
  return /^http\/2 stream closed|^missing EndStreamResponse|^protocol error: missing|premature|PING/i.test(
    error.rawMessage,
  );
}

/** Made on this side. */
function isOurs({ code, metadata }: ConnectError): boolean {
  const ours = [Code.Canceled, Code.DeadlineExceeded, Code.Unauthenticated];
  return ours.includes(code) && [...metadata.keys()].length === 0;
}

/** Something answered, and not a wiz. */
function foreign(error: ConnectError, url: string): Trouble {
  const passing = error.code === Code.Unavailable;
  const said = passing ? 'it is not up' : error.rawMessage;
  const message = passing
    ? `What answers at ${url} says that ${said}: a proxy, whose daemon does not answer.`
    : `What answers at ${url} is no wiz daemon (${said}). ${WHICH}`;
  const told = new ConnectError(message, Code.Unavailable, error.metadata, undefined, error);
  return { error: told, passing, unsent: false };
}
