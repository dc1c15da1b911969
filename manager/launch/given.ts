import { WizError } from '../../proto/error.ts';
import { isLocalAddress } from '../../proto/loopback.ts';
import { type CallOptions, describeExecutor } from '../dispatch/calls.ts';
import { dialOf } from '../dispatch/dial.ts';
import type { ExecutorRow, Store } from '../store/store.ts';
import { checkedAddress } from './addresses.ts';
import { catalogueJson } from './catalogue.ts';
import { createElsewhere, type ElsewhereOptions, processOf } from './elsewhere.ts';
import type { Launcher } from './launcher.ts';

/**
 * Executors that somebody else started, at addresses that were given: they are used and never started or ended. See
 * elsewhere.ts for when one counts as gone. One that is registered too is dialled as it is registered.
 */
export interface GivenLauncherOptions extends ElsewhereOptions {
  store: Pick<Store, 'putExecutor' | 'removeExecutor' | 'listExecutors'>;
  /** unix:/path or host:port; at least one. */
  addresses: string[];
  /** WIZ_EXECUTOR_TOKEN; all of them have the same. */
  token: string | undefined;
}

/** Throws WizError invalid_argument for what is no address, unauthenticated without a token. */
export function createGivenLauncher(options: GivenLauncherOptions): Launcher {
  const { store, token, answerMs = 5000 } = options;
  const addresses = options.addresses.map(checkedAddress);
  if (!token) {
    throw new WizError(
      'unauthenticated',
      `The executor at ${addresses[0]} wants a token: set WIZ_EXECUTOR_TOKEN to the one that it was started with.`,
    );
  }
  const elsewhere = createElsewhere(options);

  return {
    isLocal: addresses.every(isLocalAddress),
    starts: 'nothing',
    present: () => [],
    meet: async (row) => row,
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
    inspect: elsewhere.inspect,
    async stop(executors) {
      throw new WizError(
        'failed_precondition',
        `${executors.map(({ address }) => address).join(', ')}: an executor that was not started by wiz is not ` +
          'stopped by it. End it where it was started.',
      );
    },
    async catalogue() {
      const answers = addresses.map(async (address) => describeExecutor(await dial(address)));
      const { processors } = await Promise.any(answers).catch((error: AggregateError) => {
        throw error.errors[0];
      });
      return catalogueJson(processors);
    },
    async close() {
      elsewhere.close();
    },
  };

  async function askForRow(address: string): Promise<ExecutorRow> {
    const answer = await describeExecutor(await dial(address));
    const rows = await store.listExecutors();
    const there = rows.find(({ executorId }) => executorId === answer.executorId);
    if (there?.launcher === 'registered') return there;
    const row: ExecutorRow = {
      ...processOf(answer),
      launcher: 'remote',
      address,
      token: token!,
      tls: null,
      environmentHash: '',
      name: '',
      labels: {},
      drainingMs: 0,
    };
    await store.putExecutor(row);
    return row;
  }

  async function dial(address: string): Promise<CallOptions> {
    const rows = await store.listExecutors();
    const registered = rows.find((row) => row.launcher === 'registered' && row.address === address);
    // Whoever names it has to know its token, whatever is registered.
    const tls = registered === undefined ? undefined : dialOf(registered).tls;
    return { address, token: token!, tls, timeoutMs: answerMs };
  }
}
