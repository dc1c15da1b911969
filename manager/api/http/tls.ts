import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { WizError } from '../../../proto/error.ts';

/** PEM files. */
export interface TlsFiles {
  /** With the chain that leads to the authority, leaf first. */
  certificate: string;
  key: string;
  /** Clients must show a certificate that this authority has signed. */
  clientAuthority?: string | undefined;
}

export interface Tls {
  /** Takes over a connection that begins with a handshake. */
  accept(socket: Socket): void;
  /** Goes on with the connections it has, and reads the files no more. */
  close(): void;
}

/** Milliseconds between looks whether the files changed. Looking beats watching: how tools replace certificates (in
 *  place, by rename, by a link to another folder) decides what a watcher sees. */
const LOOK_MS = 10_000;

/** Reads the files again when they change, and on SIGHUP: a renewed certificate needs no restart. One that cannot be used
 *  is told, and the old one stays. Throws WizError invalid_argument when there is none to begin with. */
export async function openTls(
  files: TlsFiles,
  options: {
    handshakeMs: number;
    serve(socket: Socket, protocol: 'h2' | 'http/1.1'): void;
    note(message: string): void;
  },
): Promise<Tls> {
  let current = await read(files).catch((error) => {
    throw new WizError('invalid_argument', `TLS: ${error.message}`, { cause: error });
  });
  const settings: TlsOptions = {
    ...current,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: options.handshakeMs,
    ...(files.clientAuthority !== undefined && { requestCert: true, rejectUnauthorized: true }),
  };
  let server: ReturnType<typeof createServer>;
  try {
    server = createServer(settings);
  } catch (error) {
    throw unusable(files, error as Error);
  }
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    options.serve(socket, socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1');
  });
  // A handshake that fails is the client's affair.
  server.on('tlsClientError', (_, socket) => socket.destroy());

  let told = '';
  async function look(): Promise<void> {
    try {
      const next = await read(files);
      if (same(next, current)) return;
      server.setSecureContext({ ...settings, ...next });
      current = next;
      tell('The certificate was read again.');
    } catch (error) {
      tell(`The old certificate stays: ${(error as Error).message}`);
    }
  }
  /** What goes on being wrong is told once. */
  function tell(words: string): void {
    if (words !== told) options.note(words);
    told = words;
  }
  const hangup = () => void look();
  const timer = setInterval(hangup, LOOK_MS).unref();
  process.on('SIGHUP', hangup);

  return {
    accept: (socket) => void server.emit('connection', socket),
    close() {
      clearInterval(timer);
      process.off('SIGHUP', hangup);
    },
  };
}

type Material = Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>;

async function read({ certificate, key, clientAuthority }: TlsFiles): Promise<Material> {
  return {
    cert: await readFile(certificate, 'utf8'),
    key: await readFile(key, 'utf8'),
    ...(clientAuthority !== undefined && { ca: await readFile(clientAuthority, 'utf8') }),
  };
}

function same(a: Material, b: Material): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}

function unusable(files: TlsFiles, cause: Error): WizError {
  const { certificate, key } = files;
  return new WizError(
    'invalid_argument',
    `TLS: ${certificate} and ${key} are no certificate and its key: ${cause.message}.`,
    { cause },
  );
}
