import { setTimeout as sleep } from 'node:timers/promises';
import { WizError } from '../../proto/error.ts';
import { describeExecutor } from '../dispatch/calls.ts';
import type { TlsOptions } from '../dispatch/channel.ts';
import { isLocalAddress } from '../dispatch/local-address.ts';
import type { ExecutorRow, Store } from '../store/store.ts';
import { catalogueJson } from './catalogue.ts';
import type { Launcher } from './launcher.ts';

/**
 * Executors that somebody else started, at addresses that were given: they are used and never started, ended or
 * swept after. One that does not answer may be on the other side of a broken network and still at work, so it
 * is gone only when it has not answered for the whole retry time, or another executor answers in its place.
 */
export interface GivenLauncherOptions {
  store: Pick<Store, 'putExecutor' | 'removeExecutor'>;
  /** unix:/path or host:port; at least one. */
  addresses: string[];
  /** WIZ_EXECUTOR_TOKEN; all of them have the same. */
  token: string | undefined;
  tls?: TlsOptions;
  /** Milliseconds that an executor may be away before it is gone; 30,000 by default. */
  retryMs?: number;
  /** Milliseconds for one answer; 5,000 by default. */
  answerMs?: number;
}

/** Milliseconds between tries: doubled from the first to the last. */
const FIRST_WAIT_MS = 50;
const LAST_WAIT_MS = 2000;

/** Throws WizError invalid_argument for what is no address, unauthenticated without a token. */
export function createGivenLauncher(options: GivenLauncherOptions): Launcher {
  const { store, tls, retryMs = 30_000, answerMs = 5000 } = options;
  const addresses = options.addresses.map(checkedAddress);
  const { token } = options;
  if (!token) {
    throw new WizError(
      'unauthenticated',
      `The executor at ${addresses[0]} wants a token: set WIZ_EXECUTOR_TOKEN to the one that it was started with.`,
    );
  }
  const closing = new AbortController();
  const describe = (address: string, timeoutMs: number) =>
    describeExecutor({ address, token, timeoutMs, tls });

  return {
    isLocal: addresses.every(isLocalAddress),
    async ensure() {
      const answers = await Promise.allSettled(addresses.map(askForRow));
      const rows = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
      if (rows.length > 0) return rows;
      const errors = answers.flatMap((answer) =>
        answer.status === 'rejected' ? [answer.reason as Error] : [],
      );
      if (errors.length === 1) throw errors[0];
      throw new WizError('unavailable', errors.map(({ message }) => message).join('\n'), {
        cause: errors[0],
      });
    },
    async inspect(row) {
      const deadline = performance.now() + retryMs;
      for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LAST_WAIT_MS)) {
        const leftMs = Math.max(1, deadline - performance.now());
        const answer = await describe(row.address, Math.min(answerMs, leftMs)).catch(() => undefined);
        if (answer?.executorId === row.executorId) return 'alive';
        if (closing.signal.aborted) return 'alive';
        if (answer || performance.now() + waitMs > deadline) break;
        await sleep(waitMs, undefined, { signal: closing.signal }).catch(() => {});
      }
      await store.removeExecutor(row.executorId);
      return 'gone';
    },
    async stop(executors) {
      throw new WizError(
        'failed_precondition',
        `${executors.map(({ address }) => address).join(', ')}: an executor that was not started by wiz is not ` +
          'stopped by it. End it where it was started.',
      );
    },
    async catalogue() {
      const answers = addresses.map((address) => describe(address, answerMs));
      const { processors } = await Promise.any(answers).catch((error: AggregateError) => {
        throw error.errors[0];
      });
      return catalogueJson(processors);
    },
    async close() {
      closing.abort();
    },
  };

  async function askForRow(address: string): Promise<ExecutorRow> {
    const answer = await describe(address, answerMs);
    const row: ExecutorRow = {
      executorId: answer.executorId,
      launcher: 'remote',
      address,
      token: token!,
      // Of another machine, perhaps: no process of ours.
      pid: 0,
      pidStart: 0,
      machine: '',
      version: answer.version,
      slots: answer.slots,
      environmentHash: '',
      startedMs: answer.startedUnixMs,
    };
    await store.putExecutor(row);
    return row;
  }
}

function checkedAddress(address: string): string {
  const port = /^(?:\[[\da-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(address)?.[1];
  if (/^unix:\/./.test(address) || (port !== undefined && Number(port) > 0 && Number(port) < 65536))
    return address;
  throw new WizError(
    'invalid_argument',
    `"${address}" is no address of an executor. Write host:port, or unix: and the absolute path of its socket.`,
  );
}
