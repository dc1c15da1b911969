import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientUnaryCall,
  type Metadata,
  type MethodDefinition,
  makeClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';

/** What both ends of a gRPC connection are set to. A batch stays far below it; a log chunk or an output of
 *  256 KiB must never be refused. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** How many bytes a client lets the server send ahead: a few batches of logs, not HTTP/2's 64 KiB. */
const RECEIVE_WINDOW_BYTES = 4 * 1024 * 1024;

/** A grpc-js service definition of a generated service: one entry for each method, by its local name. */
export function grpcService(service: DescService): Record<string, MethodDefinition<Message, Message>> {
  return Object.fromEntries(service.methods.map((method) => [method.localName, grpcMethod(method)]));
}

function grpcMethod(method: DescMethod): MethodDefinition<Message, Message> {
  const kind = method.methodKind;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
    responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
    requestSerialize: serializer(method.input),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: serializer(method.output),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

function serializer(schema: DescMessage): (message: Message) => Buffer {
  return (message) => {
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

type Shape<T> = T extends DescMessage ? MessageShape<T> : never;

/** Methods of a service by local name; unary and bidirectional ones, which is all the executor has. */
export type GrpcClient<Methods extends GenServiceMethods> = Client & {
  [Name in keyof Methods]: Methods[Name]['methodKind'] extends 'unary'
    ? (
        request: Shape<Methods[Name]['input']>,
        metadata: Metadata,
        options: CallOptions,
        callback: (error: ServiceError | null, response?: Shape<Methods[Name]['output']>) => void,
      ) => ClientUnaryCall
    : (
        metadata: Metadata,
        options?: CallOptions,
      ) => ClientDuplexStream<Shape<Methods[Name]['input']>, Shape<Methods[Name]['output']>>;
};

/** A grpc-js client of a generated service. `address` is unix:/path or host:port. The caller closes it. */
export function grpcClient<Methods extends GenServiceMethods>(
  service: GenService<Methods>,
  address: string,
  credentials: ChannelCredentials,
  options: ClientOptions = {},
): GrpcClient<Methods> {
  const Constructor = makeClientConstructor(grpcService(service), service.typeName);
  const client = new Constructor(address, credentials, {
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
    ...options,
  });
  return client as Client as GrpcClient<Methods>;
}
