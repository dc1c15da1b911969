import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Executor, ExecutorState } from '../../proto/gen/wiz/v1/managers_pb.js';
import { type Certificate, newCertificate, writeCertificate } from '../certificate.ts';
import type { DaemonApi } from '../daemon.ts';
import { type Place, type Started, until } from '../e2e/place.ts';

/** `wiz executor` on a port of this machine, as somebody starts it on another one. */
export interface RemoteExecutor {
  readonly executorId: string;
  /** 127.0.0.1:port */
  readonly address: string;
  /** Of the executor itself, not of the command that started it. */
  readonly pid: number;
  readonly command: Started;
  /** Ends the executor itself, whatever it does. */
  kill(): void;
}

export const TOKEN = 'token-of-the-executors-of-tests';

export interface RemoteOptions {
  flags?: string[];
  certificate?: Certificate;
  /** By default any free port. */
  address?: string;
}

let started = 0;

/** Ended with the test, if it is still there. */
export async function startRemote(
  t: Pick<TestContext, 'after'>,
  place: Place,
  { flags = [], certificate, address: listen = '127.0.0.1:0' }: RemoteOptions = {},
): Promise<RemoteExecutor> {
  started += 1;
  const home = join(place.folder, `executor-${started}`);
  const tls = certificate === undefined ? [] : tlsFlags(`${home}-tls`, certificate);
  const command = place.start(
    ['executor', '--listen', listen, '--home', home, '--slots', '8', ...tls, ...flags],
    { env: { WIZ_EXECUTOR_TOKEN: TOKEN, WIZ_WARM: undefined } },
  );
  let kill = () => void command.child.kill();
  // Before anything can fail; what does not end then the place ends.
  t.after(async () => {
    kill();
    if (command.stdout !== '') await command.ended;
  });
  await command.prints(/\n/);
  const { executorId, address, pid } = JSON.parse(command.stdout);
  kill = () => {
    try {
      process.kill(pid, 'SIGCONT');
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  return { executorId, address, pid, command, kill };
}

function tlsFlags(folder: string, certificate: Certificate): string[] {
  const paths = writeCertificate(folder, certificate);
  return ['--tls', `${paths.certificate},${paths.key}`];
}

/** An authority, and its certificate for an executor on this machine. */
export function newAuthority(): { authority: Certificate; certificate: Certificate } {
  const authority = newCertificate('authority of tests');
  return { authority, certificate: newCertificate('executor of tests', { issuer: authority }) };
}

/** The executor of that name or id as it is listed; fails when it is not. */
export async function listed(api: DaemonApi, name: string): Promise<Executor> {
  const { executors } = await api.manager.listExecutors({});
  const found = executors.find((one) => one.name === name || one.executorId === name);
  if (found === undefined) throw new Error(`${name} is not listed`);
  return found;
}

/** Adds an executor to a daemon, which is in session with it then. */
export async function addRemote(
  api: DaemonApi,
  name: string,
  address: string,
  authority: Certificate,
): Promise<void> {
  const tls = { authority: authority.certificate };
  await api.manager.addExecutor({ address, token: TOKEN, name, tls });
  await untilState(api, name, ExecutorState.JOINED);
}

/** Waits until it is in that state. */
export function untilState(api: DaemonApi, name: string, state: ExecutorState): Promise<void> {
  return untilListed(api, name, `is ${ExecutorState[state]}`, (executor) => executor.state === state);
}

/** Waits until it is listed like that. */
export async function untilListed(
  api: DaemonApi,
  name: string,
  what: string,
  condition: (executor: Executor) => boolean,
): Promise<void> {
  let last: Executor | undefined;
  await until(`${name} ${what}`, async () => {
    last = await listed(api, name);
    return condition(last);
  }).catch((error) => {
    const { state, message, running, load } = last ?? {};
    error.message += ` (it is ${JSON.stringify({ state, message, running, load })})`;
    throw error;
  });
}
