import { createRequire } from 'node:module';
import type { Server, ServerDuplexStream, ServerUnaryCall, ServiceError, sendUnaryData } from '@grpc/grpc-js';

/**
 * A gRPC service that is loaded when it is first called. The packages for health and reflection parse .proto
 * files with protobufjs, 60 ms that the start of an executor must not pay: until then only the names of their
 * methods are registered, with messages as bytes.
 */
export interface LazyService {
  /** For example grpc.health.v1.Health */
  name: string;
  methods: Record<string, 'unary' | 'bidi' | 'serverStream'>;
  /** Adds the real service to what it is given. */
  load(registrar: Pick<Server, 'addService'>): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: the real service's messages are its own business.
type Any = any;
type Loaded = Map<
  string,
  { definition: { requestDeserialize(b: Buffer): Any; responseSerialize(m: Any): Buffer }; handler: Any }
>;

const asIs = (bytes: Buffer) => bytes;

export function addLazyService(server: Server, service: LazyService): void {
  let loading: Promise<Loaded> | undefined;

  async function methodOf(path: string) {
    loading ??= loadService(service);
    return (await loading).get(path)!;
  }

  for (const [name, kind] of Object.entries(service.methods)) {
    const path = `/${service.name}/${name}`;
    const handler = kind === 'unary' ? unary : stream;
    server.register<Buffer, Buffer>(path, handler as typeof stream, asIs, asIs, kind);

    async function unary(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
      const { definition, handler } = await methodOf(path);
      const request = definition.requestDeserialize(call.request);
      handler(facade(call, { request }), (error: ServiceError | null, value: Any) =>
        callback(error, error ? null : definition.responseSerialize(value)),
      );
    }

    // Nothing is read from the stream before the real handler listens.
    async function stream(call: ServerDuplexStream<Buffer, Buffer> & { request?: Buffer }) {
      const { definition, handler } = await methodOf(path);
      handler(
        facade(call, {
          request: call.request && definition.requestDeserialize(call.request),
          write: (message: Any) => call.write(definition.responseSerialize(message)),
          on: (event: string, listener: (value: Any) => void) =>
            call.on(event, event === 'data' ? (b) => listener(definition.requestDeserialize(b)) : listener),
        }),
      );
    }
  }
}

function facade(call: object, own: object): Any {
  return new Proxy(call, {
    get(target, key) {
      if (key in own) return own[key as keyof typeof own];
      const value = target[key as keyof typeof target] as Any;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function loadService(service: LazyService): Promise<Loaded> {
  const loaded: Loaded = new Map();
  await service.load({
    addService(definition: Any, implementation: Any) {
      for (const [name, method] of Object.entries<Any>(definition)) {
        const handler = implementation[name] ?? implementation[method.originalName];
        loaded.set(method.path, { definition: method, handler });
      }
    },
  });
  return loaded;
}

/** These packages read files beside themselves, so they are never part of a bundle. */
export const requirePackage = createRequire(import.meta.url);
