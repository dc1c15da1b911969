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
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type Metadata,
  type MethodDefinition,
  makeClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { chunkSerializer } from './file-chunks.ts';

/** What both ends of a gRPC connection are set to. A batch stays far below it; a log chunk or an output of
 *  256 KiB must never be refused. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * How many bytes each end lets the other send ahead: a few batches of logs or of a file, not HTTP/2's 64 KiB, with which
 * 10 ms of way between machines leave 6 MB/s, and a loopback 520 instead of 640.
 */
export const RECEIVE_WINDOW_BYTES = 4 * 1024 * 1024;

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
  return (
    chunkSerializer(schema) ??
    ((message) => {
      const bytes = toBinary(schema, message);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    })
  );
}

type Shape<T> = T extends DescMessage ? MessageShape<T> : never;

type Callback<T> = (error: ServiceError | null, response?: T) => void;

type GrpcCall<Kind, Input, Output> = Kind extends 'unary'
  ? (request: Input, metadata: Metadata, options: CallOptions, callback: Callback<Output>) => ClientUnaryCall
  : Kind extends 'server_streaming'
    ? (request: Input, metadata: Metadata, options?: CallOptions) => ClientReadableStream<Output>
    : Kind extends 'client_streaming'
      ? (metadata: Metadata, options: CallOptions, callback: Callback<Output>) => ClientWritableStream<Input>
      : (metadata: Metadata, options?: CallOptions) => ClientDuplexStream<Input, Output>;

/** Methods of a service by local name. */
export type GrpcClient<Methods extends GenServiceMethods> = Client & {
  [Name in keyof Methods]: GrpcCall<
    Methods[Name]['methodKind'],
    Shape<Methods[Name]['input']>,
    Shape<Methods[Name]['output']>
  >;
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
