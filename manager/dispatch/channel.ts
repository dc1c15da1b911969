import { type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import { ExecutorService } from '../../proto/gen/wiz/v1/executors_pb.js';
import { grpcClient } from '../../proto/grpc.ts';
import { isLocalAddress } from './local-address.ts';

/** What a connection to an executor is secured with; absent is none: a unix socket, or a network that is
 *  trusted otherwise. */
export interface TlsOptions {
  /** PEM of the authorities to trust; absent is those of Node. */
  ca?: Buffer;
  /** PEM of the manager's own certificate and key, when the executor asks for one. */
  certificate?: Buffer;
  key?: Buffer;
}

export interface Channel {
  /** To be closed by the caller. */
  client: ReturnType<typeof newClient>;
  /** Carries the token; made for each call, as grpc-js may write to it. */
  metadata(): Metadata;
}

/** This module loads grpc-js, which takes 20 to 50 ms: it is imported with `import()`, when the first executor is
 *  wanted, while that one starts. */
export function openChannel(address: string, token: string, tls?: TlsOptions): Channel {
  return {
    client: newClient(address, tls),
    metadata: () => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      return metadata;
    },
  };
}

function newClient(address: string, tls?: TlsOptions) {
  const security = tls
    ? credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.certificate ?? null)
    : credentials.createInsecure();
  const options: ChannelOptions = {
    // Of its own, so that a new connection never waits for the back-off of one that failed.
    'grpc.use_local_subchannel_pool': 1,
    // The session knows itself what to send again; gRPC's own retries would keep a copy of every message.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_channelz': 0,
    'grpc.enable_http_proxy': isLocalAddress(address) ? 0 : 1,
  };
  return grpcClient(ExecutorService, address, security, options);
}
