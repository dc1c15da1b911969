import { create } from '@bufbuild/protobuf';
import {
  type ServerReadableStream,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { FileStoreError, type FileStoreProblem } from '../../files/file-store.ts';
import {
  type ReadFileRequest,
  type ReadFileResponse,
  ReadFileResponseSchema,
  type WriteFileRequest,
  type WriteFileResponse,
  WriteFileResponseSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { writePaced } from '../../proto/paced-writes.ts';
import type { FileExchange } from '../files/file-exchange.ts';

export type FileCalls = Pick<FileExchange, 'read' | 'receive'>;

/** ReadFile and WriteFile. */
export function fileHandlers(files: FileCalls) {
  return {
    readFile(call: ServerWritableStream<ReadFileRequest, ReadFileResponse>): void {
      const stopped = new AbortController();
      for (const event of ['cancelled', 'error', 'close']) call.on(event, () => stopped.abort());
      const { hash, offset } = call.request;
      writePaced(call, chunks(files.read(hash, offset)), stopped.signal).then(
        () => call.end(),
        (error) => void call.emit('error', statusOf(error)),
      );
    },
    writeFile(
      call: ServerReadableStream<WriteFileRequest, WriteFileResponse>,
      answer: sendUnaryData<WriteFileResponse>,
    ): void {
      files.receive(call).then(
        (offset) => answer(null, create(WriteFileResponseSchema, { offset })),
        (error) => answer(statusOf(error)),
      );
    },
  };
}

async function* chunks(content: AsyncIterable<Uint8Array>): AsyncGenerator<ReadFileResponse, void> {
  for await (const data of content) yield create(ReadFileResponseSchema, { data });
}

const CODES: Record<FileStoreProblem, status> = {
  absent: status.NOT_FOUND,
  mismatch: status.DATA_LOSS,
  changed: status.ABORTED,
  unsafe: status.INVALID_ARGUMENT,
  'too-large': status.INVALID_ARGUMENT,
  full: status.RESOURCE_EXHAUSTED,
  'read-only': status.FAILED_PRECONDITION,
  unavailable: status.UNAVAILABLE,
};

function statusOf(error: unknown): Partial<ServiceError> {
  const code = error instanceof FileStoreError ? CODES[error.problem] : status.UNAVAILABLE;
  return { code, details: (error as Error).message };
}
