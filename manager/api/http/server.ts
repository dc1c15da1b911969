import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves Connect services in clear text over HTTP/2 with prior knowledge. */
export async function serveHttp(options: {
  host: string;
  port: number;
  routes: (router: ConnectRouter) => void;
}): Promise<HttpServer> {
  const server = createServer(connectNodeAdapter({ routes: options.routes }));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
