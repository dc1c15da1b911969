import type { Socket } from 'node:net';

/** First byte of a TLS record that holds a handshake (RFC 8446, 5.1). */
const TLS_HANDSHAKE = 0x16;
/** RFC 9113, 3.4. No request of HTTP/1.1 begins with this method. */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export type Protocol = 'tls' | 'h2' | 'http/1.1';

/** Waits for bytes that tell what the other end speaks, and leaves them to be read again. A silent one is closed. */
export function tellProtocol(socket: Socket, withinMs: number, told: (protocol: Protocol) => void): void {
  const timer = setTimeout(() => socket.destroy(), withinMs);
  socket.once('close', () => clearTimeout(timer));
  let seen: Buffer = Buffer.alloc(0);
  const look = (): void => {
    const more: Buffer | null = socket.read();
    if (more !== null) seen = seen.length === 0 ? more : Buffer.concat([seen, more]);
    const protocol = protocolOf(seen);
    if (protocol === undefined) {
      if (!socket.readableEnded) socket.once('readable', look);
      return;
    }
    clearTimeout(timer);
    socket.unshift(seen);
    told(protocol);
  };
  look();
}

/** Undefined while more bytes are needed to tell. */
export function protocolOf(seen: Buffer): Protocol | undefined {
  if (seen.length === 0) return undefined;
  if (seen[0] === TLS_HANDSHAKE) return 'tls';
  const length = Math.min(seen.length, HTTP2_PREFACE.length);
  if (seen.compare(HTTP2_PREFACE, 0, length, 0, length) !== 0) return 'http/1.1';
  return length === HTTP2_PREFACE.length ? 'h2' : undefined;
}

const CLEAR_TEXT_REFUSED = 'This port speaks TLS: use https.\n';

/** Tells a client of plain HTTP what is wrong, in words that curl and browsers show. */
export function refuseClearText(socket: Socket): void {
  // What was not read when a socket closes makes the system reset it, and the answer is lost.
  socket.resume();
  socket.end(
    [
      'HTTP/1.1 400 Bad Request',
      'content-type: text/plain; charset=utf-8',
      `content-length: ${CLEAR_TEXT_REFUSED.length}`,
      'connection: close',
      '',
      CLEAR_TEXT_REFUSED,
    ].join('\r\n'),
  );
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** Milliseconds that a refused client has to read why. */
const LINGER_MS = 2_000;
