import { createServer } from 'node:net';
import { type Finding, fail, ok } from '../../proto/finding.ts';
import { readDaemonFile } from '../access/daemon-file.ts';

/** Whether a daemon could listen, or does already. */
export async function portFinding(
  { host, port }: { host: string; port: number },
  home: string,
): Promise<Finding> {
  const name = 'port';
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const code = await whyNot(host, port);
  if (code === undefined) return ok(name, port === 0 ? `any free one of ${host}` : `${where} is free`);
  const daemon = readDaemonFile(home);
  if (code === 'EADDRINUSE' && daemon !== undefined && portOf(daemon.url) === port && lives(daemon.pid)) {
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

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
