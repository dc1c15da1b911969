import { once } from 'node:events';
import { createServer, connect as dial, type NetConnectOpts, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A port in front of a server: of what passes it knows nothing. */
export interface Relay {
  readonly port: number;
  /** Both ends of all connections. */
  readonly sockets: ReadonlySet<Socket>;
  close(): void;
}

export interface Relaying {
  /** Passes on what comes from the client (near) and from the server (far). */
  joined(near: Socket, far: Socket): void;
  /** Whether a new connection is broken at once. */
  refuses?(): boolean;
}

/** Goes with the test. */
export async function relay(
  t: Pick<TestContext, 'after'>,
  target: NetConnectOpts,
  { joined, refuses = () => false }: Relaying,
): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    if (refuses()) return near.resetAndDestroy();
    const far = dial({ ...target, noDelay: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        // An end that both sides know of, or a break that the other one is to see.
        other.destroy();
      });
    }
    joined(near, far);
  });
  function close(): void {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
  t.after(close);
  // A hook that failed before has kept that one from being called; the process is not to wait for this port then.
  server.unref();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as { port: number }).port, sockets, close };
}
