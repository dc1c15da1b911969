import { createServer } from 'node:net';
import { type Finding, fail, ok } from '../../proto/finding.ts';
import { readDaemonFile } from '../access/daemon-file.ts';
import { hostAndPort } from '../config/host-and-port.ts';
import { isSameProcess } from '../launch/process-identity.ts';

/** Whether a daemon could listen, or does already. */
export async function portFinding(listen: { host: string; port: number }, home: string): Promise<Finding> {
  const name = 'port';
  const { host, port } = listen;
  const where = hostAndPort(listen);
  const code = await whyNot(host, port);
  if (code === undefined) return ok(name, port === 0 ? `any free one of ${host}` : `${where} is free`);
  const daemon = readDaemonFile(home);
  if (code === 'EADDRINUSE' && daemon && portOf(daemon.url) === port && isSameProcess(daemon.pid, 0)) {
    return ok(name, `${where}: the daemon of ${home} serves there, process ${daemon.pid}`);
  }
  const advice: Record<string, string> = {
    EADDRINUSE: `Another program listens there. \`ss -ltnp 'sport = :${port}'\` names it.`,
    EACCES: 'Ports below 1024 are for root; choose another, or give the service CAP_NET_BIND_SERVICE.',
    EADDRNOTAVAIL: 'This machine has no such address.',
    ENOTFOUND: 'There is no such host.',
  };
  return fail(
    name,
    `${where} cannot be listened on (${code})`,
    advice[code] ?? 'Choose another with "listen".',
  );
}

/** The code of the error when the port cannot be had. */
function whyNot(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}
