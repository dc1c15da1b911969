import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/**
 * Remembers the sockets that this process opens from here on, to a port if one is given. Returns how to destroy them: Node's
 * HTTP/2 client sometimes does not read that its server hung up, and such a socket keeps the process of a test for ever.
 */
export function clientSockets(port?: number): () => void {
  const sockets = new Set<Socket>();
  const made = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    socket.once('connect', () => {
      if (port === undefined || socket.remotePort === port) sockets.add(socket);
    });
    socket.once('close', () => sockets.delete(socket));
  };
  subscribe('net.client.socket', made);
  return () => {
    unsubscribe('net.client.socket', made);
    for (const socket of sockets) socket.destroy();
  };
}
