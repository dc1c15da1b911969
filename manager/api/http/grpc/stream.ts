import { type DescMethod, fromBinary, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  grpcStatusOk,
  headerTimeout,
  parseTimeout,
  setTrailerStatus,
} from '@connectrpc/connect/protocol-grpc';
import { knownError } from '../answers.ts';
import { tooLarge } from '../body.ts';
import type { Call, Calls } from '../call.ts';
import { type Limits, MAX_TIMEOUT_MS } from '../limits.ts';
import { chunksOf, type HttpRequest, type HttpResponse, headersOf, isGone, pathOf } from '../messages.ts';
import type { Peer } from '../peer.ts';
import { drained } from '../stalled.ts';
import { envelope, PREFIX_BYTES } from './envelope.ts';

export interface GrpcStreams {
  /** Answers a call of a server stream that is plain gRPC; false when Connect is to answer. */
  serve(request: HttpRequest, response: HttpResponse, peer: Peer): boolean;
}

/**
 * Server streams of gRPC in binary, as most watch. Connect's handler passes each message through eight generators, which with a
 * thousand watchers of one run is most of what the manager does: 81 us of processor time a message, and 31 without them.
 */
export function createGrpcStreams(calls: Calls, limits: Limits): GrpcStreams {
  const methods = new Map(
    calls.methods
      .filter(({ methodKind }) => methodKind === 'server_streaming')
      .map((method) => [`/${method.parent.typeName}/${method.name}`, method]),
  );

  async function answer(method: DescMethod, request: HttpRequest, response: HttpResponse, peer: Peer) {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const trailers = new Headers();
    let call: Call | undefined;
    const begin = () => {
      if (response.headersSent) return;
      call?.context.responseHeader.forEach((value, name) => {
        response.setHeader(name, value);
      });
      response.writeHead(200, { 'content-type': 'application/grpc+proto' });
    };
    try {
      const header = headersOf(request.headers);
      const { timeoutMs, error } = parseTimeout(header.get(headerTimeout), MAX_TIMEOUT_MS);
      if (error !== undefined) throw error;
      call = await calls.open(method, {
        url: `http://${header.get('host') ?? 'wiz'}${pathOf(request)}`,
        httpMethod: 'POST',
        ...{ header, peer, timeoutMs, signal: gone.signal },
      });
      for await (const message of await call.answers(await readMessage(method, request, limits))) {
        begin();
        if (!response.write(envelope(method.output, message))) await drained(response);
        if (isGone(response)) return;
      }
      trailers.set('grpc-status', grpcStatusOk);
      call.context.responseTrailer.forEach((value, name) => {
        trailers.set(name, value);
      });
    } catch (error) {
      setTrailerStatus(trailers, knownError(error));
    } finally {
      call?.end();
    }
    if (isGone(response)) return;
    begin();
    response.addTrailers(Object.fromEntries(trailers));
    response.end();
  }

  return {
    serve(request, response, peer) {
      const { headers } = request;
      const method = methods.get(pathOf(request));
      if (method === undefined || request.method !== 'POST' || request.httpVersionMajor !== 2) return false;
      if (!/^application\/grpc(?:\+proto)?$/i.test(headers['content-type'] ?? '')) return false;
      if ((headers['grpc-encoding'] ?? 'identity') !== 'identity') return false;
      void answer(method, request, response, peer);
      return true;
    },
  };
}

/** The one message of a request. Throws ConnectError. */
async function readMessage({ input }: DescMethod, request: HttpRequest, limits: Limits): Promise<Message> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(request)) {
    bytes += chunk.length;
    if (bytes > limits.bodyBytes + PREFIX_BYTES) throw tooLarge(limits);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (body.length < PREFIX_BYTES || body[0] !== 0 || body.readUInt32BE(1) !== body.length - PREFIX_BYTES)
    throw new ConnectError('The call does not have one message.', Code.Unimplemented);
  try {
    return fromBinary(input, body.subarray(PREFIX_BYTES));
  } catch (error) {
    throw ConnectError.from(error, Code.InvalidArgument);
  }
}
