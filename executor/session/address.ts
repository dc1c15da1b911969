import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Server, ServerCredentials } from '@grpc/grpc-js';
import { WizError } from '../../proto/error.ts';

/** What fits into a socket address (sun_path) before its final zero. */
const LONGEST_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/**
 * Binds the server to unix:/path or host:port (port 0 is any free one) and returns the address that others
 * connect to. A socket gets mode 0600 in a folder of mode 0700; one that a dead process left is replaced.
 */
export async function bind(server: Server, address: string, credentials: ServerCredentials): Promise<string> {
  if (!address.startsWith('unix:')) {
    const port = await bindOnce(server, address, credentials);
    return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
  }
  const path = address.slice('unix:'.length);
  if (Buffer.byteLength(path) > LONGEST_PATH_BYTES) {
    throw new WizError(
      'invalid_argument',
      `The socket path ${path} has more than ${LONGEST_PATH_BYTES} bytes, which the system does not allow. Choose a shorter one (WIZ_HOME or --listen).`,
    );
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (await leftBehind(path)) rmSync(path, { force: true });
  await bindOnce(server, address, credentials);
  chmodSync(path, 0o600);
  return address;
}

function bindOnce(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) return resolve(port);
      const message = `Cannot listen on ${address}: ${error.message}. Choose another --listen address.`;
      reject(new WizError('unavailable', message, { cause: error }));
    });
  });
}

/** There is a socket, and nobody answers on it. */
function leftBehind(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
