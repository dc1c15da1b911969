/** What the port lets a client take. All have defaults; a stream that is being watched is bound by none of the times. */
export interface Limits {
  /** Bytes of a request's message, unpacked. */
  bodyBytes: number;
  /** Bytes of a request's headers. */
  headerBytes: number;
  /** Milliseconds from a connection to the whole headers of its first request, TLS included. */
  headerMs: number;
  /** Milliseconds from a request's headers to the end of its body. */
  bodyMs: number;
  /** Milliseconds a connection may stay open that nothing is asked on. */
  idleMs: number;
  /** Requests at once on one HTTP/2 connection. */
  streamsPerConnection: number;
  /** Connections at once from one address; behind a proxy all come from the proxy, and this is not looked at. */
  connectionsPerAddress: number;
  /** Connections at once. */
  connections: number;
}

/** Milliseconds that a call may take at most: what a timer can hold. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const DEFAULT_LIMITS: Limits = {
  bodyBytes: 16 * 1024 * 1024,
  headerBytes: 32 * 1024,
  headerMs: 10_000,
  bodyMs: 60_000,
  idleMs: 120_000,
  // A client that watches 1,000 runs does so on one connection.
  streamsPerConnection: 2_000,
  connectionsPerAddress: 2_000,
  connections: 10_000,
};
