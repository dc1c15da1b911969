import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  DescribeResponseSchema,
  ExecutorService,
  type SessionRequest,
  type SessionResponse,
  SessionResponseSchema,
  type StopRequest,
  StopResponseSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { grpcService } from '../../proto/grpc.ts';

/** For tests: an executor that answers, keeps what it is told, and says what the test makes it say. */
export interface FakeExecutor {
  /** As given, with the port that was bound. */
  address: string;
  /** All that came, in order; `onMessage` is told too. */
  received: SessionRequest[];
  /** The newest session. */
  stream: ServerDuplexStream<SessionRequest, SessionResponse> | undefined;
  onMessage: (message: SessionRequest) => void;
  say(message: MessageInitShape<typeof SessionResponseSchema>): void;
  close(): void;
}

type Unary = ServerUnaryCall<unknown, unknown>;
type Answer = sendUnaryData<unknown>;

export interface FakeExecutorOptions {
  address: string;
  token: string;
  executorId?: string;
  describe?: MessageInitShape<typeof DescribeResponseSchema>;
  /** Answers hello; by default with a welcome. */
  onHello?: (executor: FakeExecutor) => void;
  /** Answers Stop: attempts that run. By default 0. */
  onStop?: (force: boolean) => number;
}

export async function serveFakeExecutor(options: FakeExecutorOptions): Promise<FakeExecutor> {
  const { executorId = 'fake', token } = options;
  const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 * 1024 });
  const refused = { code: status.UNAUTHENTICATED, details: 'wrong token' };
  const allowed = (call: { metadata: Metadata }) =>
    call.metadata.get('authorization')[0] === `Bearer ${token}`;

  const executor: FakeExecutor = {
    address: options.address,
    received: [],
    stream: undefined,
    onMessage: () => {},
    say: (message) => executor.stream?.write(create(SessionResponseSchema, message)),
    close: () => server.forceShutdown(),
  };
  const hello =
    options.onHello ?? (() => executor.say({ welcome: { executorId, slots: 4 }, load: { running: 0 } }));

  server.addService(grpcService(ExecutorService), {
    describe: (call: Unary, answer: Answer) => {
      if (!allowed(call)) return answer(refused);
      answer(null, create(DescribeResponseSchema, options.describe ?? { executorId, slots: 4 }));
    },
    stop: (call: Unary, answer: Answer) => {
      if (!allowed(call)) return answer(refused);
      const runningAttempts = options.onStop?.((call.request as StopRequest).force) ?? 0;
      answer(null, create(StopResponseSchema, { runningAttempts }));
    },
    session: (stream: ServerDuplexStream<SessionRequest, SessionResponse>) => {
      if (!allowed(stream)) return stream.emit('error', refused);
      executor.stream = stream;
      stream.on('data', (message: SessionRequest) => {
        executor.received.push(message);
        if (message.hello) hello(executor);
        executor.onMessage(message);
      });
      stream.on('end', () => stream.end());
      stream.on('error', () => {});
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.address, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  executor.address = options.address.replace(/:0$/, `:${port}`);
  return executor;
}
