import { WizError } from '../../proto/error.ts';
import type { DescribeResponse } from '../../proto/gen/wiz/v1/executors_pb.js';
import type {
  AddExecutorRequest,
  AddExecutorResponse,
  DrainExecutorRequest,
  DrainExecutorResponse,
  ExecutorTls,
  RemoveExecutorRequest,
  RemoveExecutorResponse,
} from '../../proto/gen/wiz/v1/managers_pb.js';
import { isLocalAddress } from '../../proto/loopback.ts';
import { describeExecutor, drainExecutor } from '../dispatch/calls.ts';
import { dialOf } from '../dispatch/dial.ts';
import { checkedAddress } from '../launch/addresses.ts';
import { catalogueJson } from '../launch/catalogue.ts';
import { processOf } from '../launch/elsewhere.ts';
import { catalogueKey } from '../launch/registered.ts';
import type { Manager } from '../manager.ts';
import type { ExecutorTlsRow } from '../store/executor-store.ts';
import type { ExecutorRow } from '../store/store.ts';
import { viewExecutor } from './executor-view.ts';

/** Executors that are added, drained and removed by people. */

type Answer<Message extends { $typeName: string }> = Omit<Message, '$typeName' | '$unknown'>;

/** Milliseconds that an executor has to answer somebody who waits. */
const ANSWER_MS = 5000;

export async function addExecutor(
  manager: Manager,
  request: AddExecutorRequest,
): Promise<Answer<AddExecutorResponse>> {
  const { store } = manager;
  const address = checkedAddress(request.address);
  const { token, labels } = request;
  if (token === '') throw refused('An executor wants a token: give the one that it was started with.');
  const name = checkedName(request.name || nameOf(address));
  for (const [key, value] of Object.entries(labels)) checkLabel(key, value);
  const tls = tlsOf(address, request);
  const answer = await ask({ address, token, tls });
  const row: ExecutorRow = {
    ...processOf(answer),
    launcher: 'registered',
    address,
    token,
    tls,
    environmentHash: '',
    name,
    labels,
    drainingMs: 0,
  };
  const there = await store.registerExecutor(row);
  if (there !== undefined) throw taken(there, row);
  await store.putCatalogue(catalogueKey(row.executorId), catalogueJson(answer.processors));
  await manager.fleet.refresh();
  return { executor: await viewExecutor(manager, row) };
}

export async function setDraining(
  manager: Manager,
  { executor, undo }: DrainExecutorRequest,
): Promise<Answer<DrainExecutorResponse>> {
  const row = await find(manager, executor);
  if (row.launcher === 'local') {
    if (undo) throw refused(`${executor} is a local executor: another one is started when it is needed.`);
    await manager.launcher.stop([row], false);
    return { executor: await viewExecutor(manager, row), message: '' };
  }
  if (row.launcher === 'remote') throw refused(`${executor} is not registered: end it where it was started.`);
  const drainingMs = undo ? 0 : row.drainingMs || Date.now();
  await manager.store.drainExecutor(row.executorId, drainingMs);
  await manager.fleet.refresh();
  const message = await drainExecutor({ ...dialOf(row), undo, timeoutMs: ANSWER_MS }).then(
    () => '',
    (error) => (error as Error).message,
  );
  // What other managers have running there.
  await manager.membership.look();
  return { executor: await viewExecutor(manager, { ...row, drainingMs }), message };
}

export async function removeExecutor(
  manager: Manager,
  { executor, force }: RemoveExecutorRequest,
): Promise<Answer<RemoveExecutorResponse>> {
  const row = await find(manager, executor);
  const { executorId, name } = row;
  if (row.launcher !== 'registered') {
    throw refused(`${executor} is not registered. wiz executors stop ends local executors.`);
  }
  if (!force) {
    const { reachable, running, message } = await viewExecutor(manager, row);
    const advice =
      'Drain it first (wiz executors drain), or give --force: what it runs is tried again elsewhere.';
    if (reachable && running > 0) throw refused(`Executor ${name} works: ${running} attempts. ${advice}`);
    // One that was drained and does not answer has ended, as it was asked to.
    if (!reachable && row.drainingMs === 0) {
      throw refused(`Nobody knows whether executor ${name} works. ${message} ${advice}`);
    }
  }
  await manager.store.removeExecutor(executorId);
  await manager.fleet.refresh();
  return { executorId, name };
}

async function ask(dial: Pick<ExecutorRow, 'address' | 'token' | 'tls'>): Promise<DescribeResponse> {
  try {
    return await describeExecutor({ ...dialOf(dial), timeoutMs: ANSWER_MS });
  } catch (error) {
    const { code, message } = error as WizError;
    // Not the caller's own token is wrong, but the one that it gave.
    if (code === 'unauthenticated' || code === 'permission_denied') {
      const text = `The executor at ${dial.address} refused the token. Give the one that it was started with.`;
      throw new WizError('invalid_argument', `${text} Nothing was registered.`, { cause: error });
    }
    throw new WizError(code, `${message} Nothing was registered.`, { cause: error });
  }
}

async function find(manager: Manager, wanted: string): Promise<ExecutorRow> {
  const rows = await manager.store.listExecutors();
  const exact = rows.find(
    ({ name, executorId }) => wanted !== '' && (name === wanted || executorId === wanted),
  );
  if (exact !== undefined) return exact;
  const alike = rows.filter(
    ({ name, executorId }) => wanted !== '' && (name.startsWith(wanted) || executorId.startsWith(wanted)),
  );
  if (alike.length === 1) return alike[0]!;
  const what = alike.length === 0 ? 'There is no executor' : `${alike.length} executors are called`;
  throw new WizError('not_found', `${what} "${wanted}". wiz executors list shows what there is.`);
}

/** As it is shown: host and port, without what names may not have. */
function nameOf(address: string): string {
  const text = address.startsWith('unix:') ? address.split('/').slice(-2).join('-') : address;
  return (
    text
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+|-+$/g, '')
      .slice(-63) || 'executor'
  );
}

function checkedName(name: string): string {
  if (/^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) return name;
  throw new WizError(
    'invalid_argument',
    `"${name}" is no name of an executor. Use letters, digits, dots, dashes and underscores, 63 at most.`,
  );
}

function checkLabel(key: string, value: string): void {
  if (/^[A-Za-z0-9][\w./-]{0,62}$/.test(key) && value.length <= 256) return;
  throw new WizError(
    'invalid_argument',
    `"${key}" is no label, or its value has more than 256 characters. Keys are letters, digits, dots, dashes, slashes and underscores.`,
  );
}

function tlsOf(address: string, { tls, insecure }: AddExecutorRequest): ExecutorTlsRow | null {
  if (tls === undefined) {
    if (insecure || isLocalAddress(address)) return null;
    throw new WizError(
      'invalid_argument',
      `${address} is on another machine, and the token would be sent in the clear. Give --tls-ca or --tls, or say --insecure when the network is trusted.`,
    );
  }
  if (address.startsWith('unix:')) {
    throw new WizError('invalid_argument', `${address} is a socket of this machine: it has no TLS.`);
  }
  checkPems(tls);
  const given = Object.entries({
    authority: tls.authority,
    serverName: tls.serverName,
    certificate: tls.certificate,
    key: tls.key,
  });
  return Object.fromEntries(given.filter(([, text]) => text !== ''));
}

function checkPems({ authority, certificate, key }: ExecutorTls): void {
  for (const [what, text] of Object.entries({ authority, certificate, key })) {
    if (text === '' || text.includes('-----BEGIN ')) continue;
    throw new WizError(
      'invalid_argument',
      `The ${what} for TLS is not in PEM: it has no line -----BEGIN …-----.`,
    );
  }
  if ((certificate === '') !== (key === '')) {
    throw new WizError(
      'invalid_argument',
      'A certificate that the manager shows needs its key, and a key its certificate.',
    );
  }
}

function taken(there: ExecutorRow, { executorId, name }: ExecutorRow): WizError {
  if (there.executorId === executorId) {
    const as =
      there.launcher === 'registered'
        ? `registered as ${there.name} at ${there.address}`
        : 'a local executor of wiz';
    return new WizError('already_exists', `Executor ${executorId} is there already: ${as}.`);
  }
  const by = there.name === name ? `the name ${name}` : `the address ${there.address}`;
  const advice = there.name === name ? 'Give another --name.' : 'Remove that one first.';
  return new WizError(
    'already_exists',
    `Another executor, ${there.name} at ${there.address}, is registered under ${by}. ${advice}`,
  );
}

function refused(message: string): WizError {
  return new WizError('failed_precondition', message);
}
