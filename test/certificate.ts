import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';

/** Certificates for tests, as DER by hand (RFC 5280): Node makes keys and signatures, but no certificates. */
export interface Certificate {
  /** PEM. */
  certificate: string;
  key: string;
  privateKey: KeyObject;
  /** DER of its subject. */
  name: Buffer;
}

const OID = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
};

export interface CertificateOptions {
  names?: string[];
  issuer?: Certificate;
  /** It held until a minute ago. */
  expired?: boolean;
}

/** A certificate for names and IPv4 addresses that holds for a day; signed by itself unless an issuer is given. */
export function newCertificate(
  subject: string,
  { names = ['localhost', '127.0.0.1'], issuer, expired = false }: CertificateOptions = {},
): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(set(sequence(oid(OID.commonName), der(0x0c, Buffer.from(subject)))));
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const hourMs = 3_600_000;
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    // Positive, so the highest bit is not set.
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    issuer?.name ?? name,
    sequence(time(Date.now() - hourMs), time(Date.now() + (expired ? -60_000 : 24 * hourMs))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        extension(OID.basicConstraints, sequence(der(0x01, Buffer.from([0xff])))),
        extension(OID.subjectAltName, sequence(...names.map(alternative))),
      ),
    ),
  );
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey);
  const whole = sequence(body, algorithm, der(0x03, Buffer.from([0]), signature));
  return {
    certificate: new X509Certificate(whole).toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    privateKey,
    name,
  };
}

/** Writes a certificate and its key as files, and returns their paths. */
export function writeCertificate(folder: string, { certificate, key }: Certificate) {
  mkdirSync(folder, { recursive: true });
  const paths = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
  writeFileSync(paths.certificate, certificate);
  writeFileSync(paths.key, key, { mode: 0o600 });
  return paths;
}

/** As Chromium's --ignore-certificate-errors-spki-list takes it. */
export function fingerprintOfKey({ certificate }: Certificate): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function set(...parts: Buffer[]): Buffer {
  return der(0x31, ...parts);
}

function integer(value: Buffer): Buffer {
  return der(0x02, value);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value));
}

function alternative(name: string): Buffer {
  return isIPv4(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name));
}

/** UTCTime: until 2049. */
function time(unixMs: number): Buffer {
  const text = new Date(unixMs).toISOString().replace(/^..|[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(text));
}
