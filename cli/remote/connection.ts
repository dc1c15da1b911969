/** One HTTP/2 connection to a daemon, checked for life while something is waited for. */
import net from 'node:net';
import tls from 'node:tls';
import { Http2SessionManager } from '@connectrpc/connect-node';

/** Milliseconds in which a connection must be there, TLS included. */
const CONNECT_MS = 10_000;
/** Milliseconds between pings while a stream is open, and in which they must be answered: a connection that a NAT forgot, or
 *  whose other end is gone, is noticed. */
const PING_MS = 10_000;
const PING_ANSWER_MS = 5000;

export function connectionTo(url: string, ca: string | undefined): Http2SessionManager {
  const options = { pingIntervalMs: PING_MS, pingTimeoutMs: PING_ANSWER_MS };
  return new Http2SessionManager(url, options, { createConnection: () => open(new URL(url), ca) });
}

function open({ protocol, hostname, port }: URL, ca: string | undefined): net.Socket {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const isTls = protocol === 'https:';
  const place = { host, port: Number(port) || (isTls ? 443 : 80) };
  const socket = isTls
    ? tls.connect({
        ...place,
        ALPNProtocols: ['h2'],
        ...(net.isIP(host) === 0 && { servername: host }),
        // In place of the authorities that Node knows, it would be theirs alone: a daemon behind a public one stays reachable.
        ...(ca !== undefined && { ca: [ca, ...tls.getCACertificates()] }),
      })
    : net.connect(place);
  const late = setTimeout(() => {
    socket.destroy(Object.assign(new Error(`no connection in ${CONNECT_MS} ms`), { code: 'ETIMEDOUT' }));
  }, CONNECT_MS);
  socket.once('close', () => clearTimeout(late));
  const refused = (error: NodeJS.ErrnoException) => {
    // What does not speak TLS hangs up at the first bytes.
    if (isTls && error.code === 'ECONNRESET') error.code = 'WIZ_NO_TLS';
  };
  socket.once('error', refused);
  socket.once(isTls ? 'secureConnect' : 'connect', () => {
    clearTimeout(late);
    socket.off('error', refused);
    if (isTls && (socket as tls.TLSSocket).alpnProtocol !== 'h2') {
      socket.destroy(Object.assign(new Error('no HTTP/2'), { code: 'WIZ_NO_HTTP2' }));
    }
  });
  return socket;
}
