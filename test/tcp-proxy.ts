import { once } from 'node:events';
import type { NetConnectOpts, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { relay } from './relay.ts';

/** A way to a server that tests make bad: any TCP, as it knows nothing of what passes. */
export interface TcpProxy {
  /** 127.0.0.1:port */
  readonly address: string;
  /** Connections that were made so far. */
  readonly connections: number;
  /** Bytes that passed so far, both ways together. */
  readonly bytes: number;
  /** Breaks all connections with a reset, and refuses to make new ones. */
  cut(): void;
  /** Breaks all connections with a reset; new ones are made. */
  breakAll(): void;
  /** Connections stay and nothing passes, as when a network is gone: what is sent meanwhile waits. */
  hang(): void;
  /** Every piece comes later by this, in order. */
  delay(ms: number): void;
  /** Pieces arrive as two, the second one a moment later, so that no message comes whole. */
  halve(): void;
  /** Bytes arrive one by one. */
  crumble(): void;
  /** As good a way as it was at first; what waited passes. */
  heal(): void;
  close(): void;
}

/** Milliseconds between the halves of a piece. */
const HALVES_MS = 2;

/** Goes with the test. `target`: host:port, or unix:/path. */
export async function tcpProxy(t: Pick<TestContext, 'after'>, target: string): Promise<TcpProxy> {
  const counts = { connections: 0, bytes: 0 };
  let isCut = false;
  let delayMs = 0;
  let halves = false;
  let crumbles = false;
  let healed: PromiseWithResolvers<void> | undefined;

  const { port, sockets, close } = await relay(t, optionsOf(target), {
    refuses: () => isCut,
    joined(near, far) {
      counts.connections += 1;
      void pass(near, far);
      void pass(far, near);
    },
  });

  async function pass(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        const half = halves ? Math.ceil(chunk.length / 2) : chunk.length;
        if (delayMs > 0) await sleep(delayMs);
        if (crumbles) {
          // Each in a turn of its own, or the system puts them together again.
          for (let at = 0; at < chunk.length; at += 1) {
            await write(to, chunk.subarray(at, at + 1));
            await turn();
          }
          continue;
        }
        await write(to, chunk.subarray(0, half));
        if (half === chunk.length) continue;
        await sleep(HALVES_MS);
        await write(to, chunk.subarray(half));
      }
      to.end();
    } catch {
      to.destroy();
    }
  }

  async function write(to: Socket, piece: Buffer): Promise<void> {
    while (healed !== undefined) await healed.promise;
    counts.bytes += piece.length;
    if (!to.write(piece)) await once(to, 'drain');
  }

  function breakAll(): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }

  function heal(): void {
    isCut = false;
    delayMs = 0;
    halves = false;
    crumbles = false;
    healed?.resolve();
    healed = undefined;
  }

  return {
    address: `127.0.0.1:${port}`,
    get connections() {
      return counts.connections;
    },
    get bytes() {
      return counts.bytes;
    },
    cut() {
      isCut = true;
      breakAll();
    },
    breakAll,
    hang() {
      healed ??= Promise.withResolvers<void>();
    },
    delay(ms) {
      delayMs = ms;
    },
    halve() {
      halves = true;
    },
    crumble() {
      crumbles = true;
    },
    heal,
    close() {
      heal();
      close();
    },
  };
}

function optionsOf(target: string): NetConnectOpts {
  if (target.startsWith('unix:')) return { path: target.slice('unix:'.length) };
  const colon = target.lastIndexOf(':');
  return { host: target.slice(0, colon), port: Number(target.slice(colon + 1)) };
}
