import type { ChannelOptions, Metadata, ServiceError } from '@grpc/grpc-js';
import { type ErrorCode, WizError } from '../../proto/error.ts';
import { ExecutorService } from '../../proto/gen/wiz/v1/executors_pb.js';

/** What a connection to an executor is secured with; absent is none: a unix socket, or a network that is
 *  trusted otherwise. */
export interface TlsOptions {
  /** PEM of the authorities to trust; absent is those of Node. */
  ca?: Buffer;
  /** PEM of the manager's own certificate and key, when the executor asks for one. */
  certificate?: Buffer;
  key?: Buffer;
}

/** grpc-js takes 20 to 50 ms to load: it is loaded when the first executor is wanted, while that one starts. */
export async function loadGrpc() {
  const [grpc, { grpcClient }] = await Promise.all([import('@grpc/grpc-js'), import('../../proto/grpc.ts')]);
  return { grpc, grpcClient };
}

export interface Channel {
  /** To be closed by the caller. */
  client: Awaited<ReturnType<typeof newClient>>;
  /** Carries the token; made for each call, as grpc-js may write to it. */
  metadata(): Metadata;
}

export async function openChannel(address: string, token: string, tls?: TlsOptions): Promise<Channel> {
  const { grpc } = await loadGrpc();
  return {
    client: await newClient(address, tls),
    metadata: () => {
      const metadata = new grpc.Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      return metadata;
    },
  };
}

async function newClient(address: string, tls?: TlsOptions) {
  const { grpc, grpcClient } = await loadGrpc();
  const credentials = tls
    ? grpc.credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.certificate ?? null)
    : grpc.credentials.createInsecure();
  const options: ChannelOptions = {
    // Of its own, so that a new connection never waits for the back-off of one that failed.
    'grpc.use_local_subchannel_pool': 1,
    // The session knows itself what to send again; gRPC's own retries would keep a copy of every message.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_channelz': 0,
    'grpc.enable_http_proxy': isLocal(address) ? 0 : 1,
  };
  return grpcClient(ExecutorService, address, credentials, options);
}

function isLocal(address: string): boolean {
  return address.startsWith('unix:') || /^(localhost|127\.[\d.]+|\[::1\]):/.test(address);
}

/** Numbers of gRPC's status codes that say more than "it did not work". */
const CODES: Record<number, ErrorCode> = {
  3: 'invalid_argument',
  5: 'not_found',
  7: 'permission_denied',
  8: 'resource_exhausted',
  9: 'failed_precondition',
  13: 'internal',
  16: 'unauthenticated',
};

/** What a call to an executor failed with, as a sentence that names the address. */
export function executorError(address: string, cause: unknown): WizError {
  const { code, details, message } = cause as Partial<ServiceError>;
  const said = details || message || String(cause);
  const wizCode = CODES[code ?? -1] ?? 'unavailable';
  if (wizCode === 'unauthenticated' || wizCode === 'permission_denied') {
    return new WizError(
      wizCode,
      `The executor at ${address} refused the token (${said}). Set WIZ_EXECUTOR_TOKEN to the executor's.`,
      { cause },
    );
  }
  if (wizCode === 'unavailable') {
    return new WizError(wizCode, `The executor at ${address} cannot be reached: ${said}.`, { cause });
  }
  return new WizError(wizCode, `The executor at ${address} answered: ${said}.`, { cause });
}
