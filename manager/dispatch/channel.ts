import { isIP } from 'node:net';
import { checkServerIdentity as checkIdentity, type PeerCertificate } from 'node:tls';
import { type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import { ExecutorService } from '../../proto/gen/wiz/v1/executors_pb.js';
import { grpcClient } from '../../proto/grpc.ts';
import { isLocalAddress } from '../../proto/loopback.ts';

/** What a connection to an executor is secured with; absent is none: a unix socket, or a network that is
 *  trusted otherwise. Texts are PEM. */
export interface TlsOptions {
  /** The authorities to trust; absent is those of Node. */
  authority?: string | undefined;
  /** The name that its certificate must have; absent is the host of the address. */
  serverName?: string | undefined;
  /** The manager's own certificate and key, when the executor asks for one. */
  certificate?: string | undefined;
  key?: string | undefined;
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
  const security = tls ? secured(address, tls) : credentials.createInsecure();
  const serverName = tls && (tls.serverName || (ipOf(address) && NAMELESS));
  const options: ChannelOptions = {
    // Of its own, so that a new connection never waits for the back-off of one that failed.
    'grpc.use_local_subchannel_pool': 1,
    // The session knows itself what to send again; gRPC's own retries would keep a copy of every message.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_channelz': 0,
    'grpc.enable_http_proxy': isLocalAddress(address) ? 0 : 1,
    ...(serverName && {
      'grpc.ssl_target_name_override': serverName,
      'grpc.default_authority': tls?.serverName || address,
    }),
  };
  return grpcClient(ExecutorService, address, security, options);
}

/** Said where a name must be said (SNI) and there is none but an IP address, which may not be. */
const NAMELESS = 'executor.invalid';

function secured(address: string, { serverName, authority, key, certificate }: TlsOptions) {
  const ip = ipOf(address);
  // grpc-js would check the certificate against the name that is said.
  const checkServerIdentity = (_: string, shown: PeerCertificate) => checkIdentity(ip!, shown);
  const verification = ip && !serverName ? { checkServerIdentity } : {};
  return credentials.createSsl(pem(authority), pem(key), pem(certificate), verification);
}

/** The IP address of host:port; undefined when the host is a name. */
function ipOf(address: string): string | undefined {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return isIP(host) > 0 ? host : undefined;
}

function pem(text: string | undefined): Buffer | null {
  return text ? Buffer.from(text) : null;
}
