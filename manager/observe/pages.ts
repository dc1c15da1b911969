import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import type { Log } from '../../proto/log.ts';
import type { Store } from '../store/store.ts';
import { inTime } from './in-time.ts';
import type { Meter } from './meter.ts';

/** As much of a request and its response as these pages need. */
interface Request {
  headers: { accept?: string | undefined };
}
interface Response {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(text: string): unknown;
}

export interface PagesOptions {
  meter: Meter;
  /** Whoever comes may read the metrics. */
  anonymousMetrics: boolean;
  store: Pick<Store, 'listManagers'>;
  managerId: string;
  /** It takes no new work any more. */
  draining(): boolean;
  /** Why runs have to wait: what cannot be written. */
  stuck(): Error | undefined;
  log: Log;
}

/**
 * What machines ask of a manager:
 *
 *   GET /metrics   for Prometheus
 *   GET /healthz   200 as long as it answers at all: what does not is restarted
 *   GET /readyz    200 when calls should go to it, 503 with the names of the checks that fail: what is not ready is passed by
 *
 * The last two are for load balancers, which show no credential, and tell no more than that.
 */
export function createPages(options: PagesOptions) {
  const ready = createReadiness(options);
  return [
    {
      method: 'GET' as const,
      path: '/metrics',
      role: options.anonymousMetrics ? Role.ANYONE : Role.VIEWER,
      async handle({ headers }: Request, response: Response): Promise<void> {
        const { type, text } = await options.meter.exposition(headers.accept);
        answer(response, 200, type, text);
      },
    },
    {
      method: 'GET' as const,
      path: '/healthz',
      role: Role.ANYONE,
      handle: (_: Request, response: Response) => answer(response, 200, 'text/plain; charset=utf-8', 'ok\n'),
    },
    {
      method: 'GET' as const,
      path: '/readyz',
      role: Role.ANYONE,
      async handle(_: Request, response: Response): Promise<void> {
        const checks = await ready();
        const isReady = Object.values(checks).every((check) => check === 'ok');
        const text = `${JSON.stringify({ ready: isReady, checks })}\n`;
        answer(response, isReady ? 200 : 503, 'application/json; charset=utf-8', text);
      },
    },
  ];
}

function answer(response: Response, status: number, type: string, text: string): void {
  response.statusCode = status;
  response.setHeader('content-type', type);
  response.setHeader('cache-control', 'no-store');
  response.end(text);
}

type Check = 'ok' | 'failed';

/** Milliseconds that the store has. Probes give up after one second or more. */
const STORE_MS = 900;
const LATE = `The store did not answer within ${STORE_MS} ms.`;

function createReadiness({ store, managerId, draining, stuck, log }: PagesOptions) {
  let told = '';
  return async (): Promise<Record<'store' | 'joined' | 'writing' | 'serving', Check>> => {
    let trouble: unknown = stuck();
    const managers = await inTime(STORE_MS, LATE, () => store.listManagers()).catch((error) => {
      trouble = error;
      return undefined;
    });
    const own = managers?.find((row) => row.managerId === managerId);
    const checks = {
      store: check(managers !== undefined),
      joined: check(own !== undefined && own.expiresMs > Date.now()),
      writing: check(stuck() === undefined),
      serving: check(!draining()),
    };
    const failed = Object.keys(checks).filter((name) => checks[name as keyof typeof checks] === 'failed');
    if (failed.join() !== told) {
      if (failed.length === 0) log.info('ready');
      else log.warn('not ready', { checks: failed.join(), error: trouble });
      told = failed.join();
    }
    return checks;
  };
}

function check(holds: boolean): Check {
  return holds ? 'ok' : 'failed';
}
