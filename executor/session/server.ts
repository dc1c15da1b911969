import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import {
  type DescribeRequest,
  type DescribeResponse,
  type DrainRequest,
  type DrainResponse,
  ExecutorService,
  type StopRequest,
  type StopResponse,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { grpcService, MAX_MESSAGE_BYTES, RECEIVE_WINDOW_BYTES } from '../../proto/grpc.ts';
import { bind } from './address.ts';
import { type FileCalls, fileHandlers } from './file-handlers.ts';
import { addPublicServices } from './public-services.ts';
import type { SessionStream } from './session.ts';
import { requireToken } from './token.ts';

export interface ServerOptions {
  /** unix:/path or host:port; port 0 is any free one. */
  address: string;
  /** Every call must carry it, except gRPC health. */
  token: string;
  /** PEM. With a client authority, managers must show a certificate of it. Not for unix sockets. */
  tls?: { certificate: Buffer; key: Buffer; clientAuthority?: Buffer };
  describe(): Promise<DescribeResponse>;
  stop(request: StopRequest): StopResponse;
  drain(request: DrainRequest): DrainResponse;
  session(stream: SessionStream): void;
  files: FileCalls;
}

export interface ExecutorServer {
  /** Where it can be reached. */
  readonly address: string;
  /** What health answers from here on. */
  serving(yes: boolean): void;
  /** Takes no more connections; those that are there may finish what is on its way. */
  close(): Promise<void>;
}

/** A peer that is silent for the sum of these is taken for dead, and its sessions closed. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Serves the executor service, gRPC health and reflection. Rejects with WizError when it cannot listen. */
export async function serve(options: ServerOptions): Promise<ExecutorServer> {
  const server = new Server({
    interceptors: [requireToken(options.token)],
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.enable_channelz': 0,
  });
  server.addService(grpcService(ExecutorService), {
    describe(
      _call: ServerUnaryCall<DescribeRequest, DescribeResponse>,
      answer: sendUnaryData<DescribeResponse>,
    ) {
      options.describe().then((response) => answer(null, response), answer);
    },
    stop(call: ServerUnaryCall<StopRequest, StopResponse>, answer: sendUnaryData<StopResponse>) {
      answer(null, options.stop(call.request));
    },
    drain(call: ServerUnaryCall<DrainRequest, DrainResponse>, answer: sendUnaryData<DrainResponse>) {
      answer(null, options.drain(call.request));
    },
    session: options.session,
    ...fileHandlers(options.files),
  });
  const { serving } = addPublicServices(server);
  const address = await bind(server, options.address, credentials(options.tls));
  subscribe(STREAM_CREATED, widen);
  return {
    address,
    serving,
    async close() {
      await close(server);
      unsubscribe(STREAM_CREATED, widen);
    },
  };
}

/** Told by Node for each stream of each HTTP/2 server of this process. */
const STREAM_CREATED = 'http2.server.stream.created';

const widened = new WeakSet<ServerHttp2Session>();

/** Lets clients send more ahead. grpc-js has an option for that, which its server does not look at. */
function widen(message: unknown): void {
  const { session } = (message as { stream: ServerHttp2Stream }).stream;
  if (session === undefined || widened.has(session as ServerHttp2Session)) return;
  widened.add(session as ServerHttp2Session);
  session.settings({ initialWindowSize: RECEIVE_WINDOW_BYTES });
  session.setLocalWindowSize(RECEIVE_WINDOW_BYTES);
}

/** A client that does not hang up by itself is cut off after this. */
const HANG_UP_MS = 500;

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), HANG_UP_MS);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function credentials(tls: ServerOptions['tls']): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { private_key: tls.key, cert_chain: tls.certificate };
  return ServerCredentials.createSsl(tls.clientAuthority ?? null, [pair], tls.clientAuthority !== undefined);
}
