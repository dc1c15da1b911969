import { create } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import {
  ReadFileRequestSchema,
  type WriteFileRequest,
  WriteFileRequestSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Channel } from './channel.ts';
import type { Dial } from './dial.ts';

/**
 * ReadFile and WriteFile of one executor, over a connection of their own: what a session says does not wait behind files.
 * Everything rejects with FileCallError, and with the signal's reason.
 */
export interface FileCalls {
  read(hash: string, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void>;
  /** Resolves with how many bytes the executor has then; it may know better where to go on. Without content it is only
   *  asked. Errors of the content are thrown as they are. */
  write(head: FileHead, content: AsyncIterable<Uint8Array> | undefined, signal: AbortSignal): Promise<number>;
  /** Ends what is under way, and the connection; the next call makes a new one. */
  reset(): void;
}

export interface FileHead {
  hash: string;
  size: number;
  offset: number;
}

export type OpenFileCalls = (executor: Dial) => FileCalls;

export class FileCallError extends Error {
  /** broken: the way there; it may work when tried again. refused: it will not. wrong: content is not what its hash
   *  says. absent: there is no such object. */
  readonly kind: 'broken' | 'refused' | 'wrong' | 'absent';

  constructor(kind: FileCallError['kind'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'FileCallError';
    this.kind = kind;
  }
}

/** gRPC's codes for what does not get better; see the executor's file-handlers.ts. */
const KINDS: Record<number, FileCallError['kind']> = {
  3: 'refused', // INVALID_ARGUMENT
  5: 'absent', // NOT_FOUND
  7: 'refused', // PERMISSION_DENIED
  8: 'refused', // RESOURCE_EXHAUSTED
  9: 'refused', // FAILED_PRECONDITION
  12: 'refused', // UNIMPLEMENTED
  15: 'wrong', // DATA_LOSS
  16: 'refused', // UNAUTHENTICATED
};

/** Milliseconds without a byte after which a read is tried anew. Longer than any disk takes. */
const SILENT_MS = 30_000;

export const openFileCalls: OpenFileCalls = ({ address, token, tls }) => {
  let resetting = new AbortController();
  let opening: Promise<Channel> | undefined;

  /** A channel, and a signal for the call on it. */
  async function open(signal: AbortSignal): Promise<{ channel: Channel; ending: AbortSignal }> {
    signal.throwIfAborted();
    opening ??= import('./channel.ts').then(({ openChannel }) => openChannel(address, token, tls));
    return { channel: await opening, ending: AbortSignal.any([signal, resetting.signal]) };
  }

  return {
    async *read(hash, offset, signal) {
      const { channel, ending } = await open(signal);
      const request = create(ReadFileRequestSchema, { hash, offset });
      const call = channel.client.readFile(request, channel.metadata());
      const cancel = () => call.cancel();
      ending.addEventListener('abort', cancel, { once: true });
      const silence = setTimeout(cancel, SILENT_MS);
      try {
        for await (const { data } of call) {
          // Who takes the content may take its time.
          clearTimeout(silence);
          yield data;
          silence.refresh();
        }
      } catch (error) {
        signal.throwIfAborted();
        throw callError(address, error);
      } finally {
        clearTimeout(silence);
        ending.removeEventListener('abort', cancel);
        cancel();
      }
    },
    async write(head, content, signal) {
      const { writePaced } = await import('../../proto/paced-writes.ts');
      const { channel, ending } = await open(signal);
      const answered = new AbortController();
      const answer = Promise.withResolvers<number>();
      const call = channel.client.writeFile(channel.metadata(), {}, (error, response) => {
        if (error || response === undefined) answer.reject(callError(address, error));
        else answer.resolve(response.offset);
        answered.abort();
      });
      call.on('error', () => {});
      const cancel = () => call.cancel();
      ending.addEventListener('abort', cancel, { once: true });
      let contentError: unknown;
      writePaced(call, requests(head, content), answered.signal)
        .catch((error) => {
          contentError = error;
          cancel();
        })
        .finally(() => call.end());
      try {
        return await answer.promise;
      } catch (error) {
        signal.throwIfAborted();
        throw contentError ?? error;
      } finally {
        ending.removeEventListener('abort', cancel);
      }
    },
    reset() {
      resetting.abort();
      resetting = new AbortController();
      opening?.then(({ client }) => client.close()).catch(() => {});
      opening = undefined;
    },
  };
};

/** The head goes with the first bytes: a small file is one message. */
async function* requests(
  head: FileHead,
  content: AsyncIterable<Uint8Array> | undefined,
): AsyncGenerator<WriteFileRequest, void> {
  let first: FileHead | undefined = head;
  for await (const data of content ?? []) {
    yield create(WriteFileRequestSchema, { ...first, data });
    first = undefined;
  }
  if (first !== undefined) yield create(WriteFileRequestSchema, first);
}

function callError(address: string, cause: unknown): FileCallError {
  const { code, details, message } = (cause ?? {}) as Partial<ServiceError>;
  const said = (details || message || String(cause)).replace(/\.$/, '');
  return new FileCallError(KINDS[code ?? -1] ?? 'broken', `the executor at ${address} said: ${said}`, {
    cause,
  });
}
