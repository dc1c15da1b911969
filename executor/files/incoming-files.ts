import { FileStoreError } from '../../files/file-store.ts';
import { checkHash } from '../../files/hash.ts';
import type { WriteFileRequest } from '../../proto/gen/wiz/v1/executors_pb.js';

/**
 * Objects that managers give. An object is
 *   nowhere   until a stream brings its first bytes
 *   fed       by one stream; others that bring the same wait, and take over when it has been silent for a while: its
 *             connection may be dead without anybody having seen it
 *   paused    its stream broke: what came is kept for a while, as an unfinished write to the store
 *   whole     all bytes came and had the hash; or it is nowhere again: the hash was wrong, the store is full, or
 *             nobody went on
 */
export interface IncomingFiles {
  /** Takes in what a stream brings, and resolves with how many bytes of the object are here after it. Rejects with
   *  FileStoreError, and with what the stream broke with. */
  receive(stream: AsyncIterable<WriteFileRequest>): Promise<number>;
  /** Forgets what is not whole. */
  close(): void;
}

export interface IncomingOptions {
  /** Bytes of an object that is here. */
  has(hash: string): Promise<number | undefined>;
  /** Takes the content; rejects when it is not what the hash says. */
  take(hash: string, size: number, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Something came. */
  progressed(): void;
  /** Milliseconds for which a paused object is kept; 10 minutes by default. */
  keptMs?: number;
  /** Milliseconds of silence after which another stream takes over; 5,000 by default. */
  silentMs?: number;
}

const KEPT_MS = 10 * 60_000;
const SILENT_MS = 5_000;
/** Paused objects: each is an open file. */
const MOST_PAUSED = 100;

interface Incoming {
  readonly size: number;
  received: number;
  /** The stream that feeds it, and since when that has brought nothing. */
  feeder: symbol | undefined;
  silentSinceMs: number | undefined;
  freed: PromiseWithResolvers<void>;
  expiry: NodeJS.Timeout | undefined;
  /** Resolves when the content was taken, to its last byte and hash. */
  readonly taken: Promise<void>;
  /** Resolves when there is room for more. */
  give(chunk: Uint8Array): Promise<void>;
  fail(error: Error): void;
}

export function createIncomingFiles(options: IncomingOptions): IncomingFiles {
  const { keptMs = KEPT_MS, silentMs = SILENT_MS } = options;
  const incoming = new Map<string, Incoming>();

  function begin(hash: string, size: number): Incoming {
    const feed = createFeed(size);
    const taken = options.take(hash, size, feed.content);
    const object: Incoming = {
      size,
      received: 0,
      feeder: undefined,
      silentSinceMs: undefined,
      freed: Promise.withResolvers(),
      expiry: undefined,
      taken,
      async give(chunk) {
        await feed.give(chunk);
        object.received += chunk.length;
      },
      fail: feed.fail,
    };
    incoming.set(hash, object);
    taken.catch(feed.fail).finally(() => {
      clearTimeout(object.expiry);
      incoming.delete(hash);
    });
    return object;
  }

  /** Resolves when nobody feeds it, or the one who does has been silent for too long. */
  async function untilFree(object: Incoming): Promise<void> {
    while (object.feeder !== undefined) {
      const silent = object.silentSinceMs === undefined ? 0 : performance.now() - object.silentSinceMs;
      if (silent >= silentMs) return;
      const timer = Promise.withResolvers<void>();
      const handle = setTimeout(timer.resolve, silentMs - silent);
      await Promise.race([object.freed.promise, timer.promise]);
      clearTimeout(handle);
    }
  }

  /** Resolves when the stream has nothing more, or another one has taken over. */
  async function feed(object: Incoming, first: Uint8Array, messages: AsyncIterator<WriteFileRequest>) {
    const me = Symbol('stream');
    object.feeder = me;
    clearTimeout(object.expiry);
    try {
      for (let chunk = first; ; ) {
        if (object.received + chunk.length > object.size) throw tooLong(object);
        object.silentSinceMs = undefined;
        if (chunk.length > 0) await object.give(chunk);
        options.progressed();
        if (object.received === object.size) return;
        object.silentSinceMs = performance.now();
        const next = await messages.next();
        if (next.done || object.feeder !== me) return;
        chunk = next.value.data;
      }
    } finally {
      if (object.feeder === me) leave(object);
    }
  }

  function leave(object: Incoming): void {
    object.feeder = undefined;
    object.freed.resolve();
    object.freed = Promise.withResolvers();
    if (object.received === object.size) return;
    object.expiry = setTimeout(() => object.fail(forgotten()), keptMs).unref();
    const paused = [...incoming.values()].filter(({ feeder }) => feeder === undefined);
    if (paused.length > MOST_PAUSED) paused[0]!.fail(forgotten());
  }

  return {
    async receive(stream) {
      const messages = stream[Symbol.asyncIterator]();
      const head = await messages.next();
      const { hash, offset, size, data } = checkedHead(head.done ? undefined : head.value);
      let chunk = data;
      for (;;) {
        const there = await options.has(hash);
        if (there !== undefined) {
          options.progressed();
          return there;
        }
        if (chunk.length === 0 && size > 0) {
          const next = await messages.next();
          if (next.done) return incoming.get(hash)?.received ?? 0;
          chunk = next.value.data;
          continue;
        }
        if (offset > 0 && !incoming.has(hash)) return 0;
        const object = incoming.get(hash) ?? begin(hash, size);
        if (object.size !== size) throw otherSize(hash, object, size);
        if (object.feeder !== undefined) {
          await untilFree(object);
          if (incoming.get(hash) !== object) continue;
        }
        if (object.received !== offset) return object.received;
        await feed(object, chunk, messages);
        if (object.received === size) await object.taken;
        return object.received;
      }
    },
    close() {
      for (const object of incoming.values()) object.fail(forgotten());
    },
  };
}

/** One chunk at a time from who gives to who takes. */
function createFeed(size: number) {
  let asked = Promise.withResolvers<void>();
  let given = Promise.withResolvers<Uint8Array>();
  let failure: Error | undefined;

  async function* read(): AsyncGenerator<Uint8Array, void> {
    for (let received = 0; received < size; ) {
      asked.resolve();
      const chunk = await given.promise;
      given = Promise.withResolvers();
      received += chunk.length;
      yield chunk;
    }
  }

  return {
    content: read(),
    async give(chunk: Uint8Array): Promise<void> {
      await asked.promise;
      if (failure !== undefined) throw failure;
      asked = Promise.withResolvers();
      given.resolve(chunk);
    },
    /** Whoever takes and whoever gives ends with the error. */
    fail(error: Error): void {
      failure ??= error;
      given.promise.catch(() => {});
      given.reject(error);
      asked.resolve();
    },
  };
}

interface Head {
  hash: string;
  offset: number;
  size: number;
  data: Uint8Array;
}

function checkedHead(head: Head | undefined): Head {
  if (head === undefined) throw refused('A stream that gives a file has to begin with its hash and size.');
  checkHash(head.hash);
  const { size, offset } = head;
  const isSize = Number.isSafeInteger(size) && size >= 0;
  if (!isSize || !Number.isSafeInteger(offset) || offset < 0 || offset > size) {
    throw refused(`The file ${head.hash} cannot have ${size} bytes and be given from ${offset} on.`);
  }
  return head;
}

function tooLong({ size, fail }: Incoming): FileStoreError {
  const error = refused(`More came of a file than the ${size} bytes that were announced.`);
  fail(error);
  return error;
}

function otherSize(hash: string, { size }: Incoming, announced: number): FileStoreError {
  return refused(`The file ${hash} is given with ${size} bytes already, so it cannot have ${announced}.`);
}

function refused(message: string): FileStoreError {
  return new FileStoreError('unsafe', message);
}

function forgotten(): FileStoreError {
  return new FileStoreError('unavailable', 'Nobody went on giving the file; what came of it was forgotten.');
}
