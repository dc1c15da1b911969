import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Finding, fail, ok, reasonOf, warn } from '../../proto/finding.ts';

const DAY_MS = 86_400_000;
/** Days before its end from which a certificate should have been renewed: those that are renewed by themselves are a month
 *  before. */
const SOON_DAYS = 14;

/** Whether a certificate is of its key, valid now and for a while, and for the host it is shown for. */
export function certificateFindings(
  { certificate, key }: { certificate: string; key: string },
  host: string,
  nowMs = Date.now(),
): Finding[] {
  const name = 'certificate';
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(readFileSync(certificate));
  } catch (error) {
    return [fail(name, `${certificate}: ${reasonOf(error)}`, 'tls.certificate must be a PEM file.')];
  }
  return [validity(parsed, certificate, nowMs), ...hostFinding(parsed, host), keyFinding(parsed, key)];
}

export function validity(
  certificate: Pick<X509Certificate, 'validFromDate' | 'validToDate'>,
  place: string,
  nowMs: number,
): Finding {
  const name = 'certificate';
  const [fromMs, toMs] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (nowMs < fromMs) return fail(name, `${place} is valid from ${date(fromMs)} on`, 'Is the clock right?');
  if (nowMs > toMs) return fail(name, `${place} expired on ${date(toMs)}`, 'Renew it.');
  const days = Math.floor((toMs - nowMs) / DAY_MS);
  if (days < SOON_DAYS)
    return warn(name, `${place} expires in ${days} days`, 'Renew it; SIGHUP makes a daemon read it.');
  return ok(name, `${place}, until ${date(toMs)}`);
}

/** An address that is bound for every host says nothing about names. */
function hostFinding(certificate: X509Certificate, host: string): Finding[] {
  if (['0.0.0.0', '::'].includes(host)) {
    return [ok('certificate name', certificate.subjectAltName ?? certificate.subject)];
  }
  const fits = isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host);
  if (fits) return [ok('certificate name', host)];
  const names = certificate.subjectAltName ?? certificate.subject;
  return [
    warn(
      'certificate name',
      `it is for ${names}, and the daemon listens on ${host}`,
      'Clients must use a name that it is for.',
    ),
  ];
}

function keyFinding(certificate: X509Certificate, path: string): Finding {
  const name = 'certificate key';
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(path)))) {
      return fail(
        name,
        `${path} is not the key of the certificate`,
        'tls.certificate and tls.key must belong together.',
      );
    }
  } catch (error) {
    return fail(name, `${path}: ${reasonOf(error)}`, 'tls.key must be a PEM file without a passphrase.');
  }
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o004) === 0) return ok(name, path);
  return warn(
    name,
    `${path} has mode ${mode.toString(8)}: everybody on this machine can read it`,
    `chmod 640 ${path}`,
  );
}
