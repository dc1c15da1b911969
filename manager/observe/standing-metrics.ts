import { WIZ_VERSION } from '../../proto/version.ts';
import type { Manager } from '../manager.ts';
import type { Meter, Sample } from './meter.ts';

/** How things stand, looked up when somebody asks: nothing of it is kept beside what the manager works with. */
export function addStandingMetrics(meter: Meter, manager: Manager): void {
  const { loop, fleet, store, watchers, managerId } = manager;
  const sum = (
    of: (run: typeof loop.runs extends ReadonlyMap<string, infer Run> ? Run : never) => number,
  ) => {
    let total = 0;
    for (const run of loop.runs.values()) total += of(run);
    return [{ value: total }];
  };

  meter.gauge(
    'wiz_build_info',
    'Always 1; the version is a label.',
    () => [{ value: 1, labels: { version: WIZ_VERSION } }],
    ['version'],
  );
  meter.gauge('wiz_runs_running', 'Runs that this manager owns.', () => [{ value: loop.runs.size }]);
  meter.gauge('wiz_queue_depth', 'Tasks that could start and wait for room.', () =>
    sum((run) => run.ready.size()),
  );
  meter.gauge('wiz_attempts_running', 'Attempts given to executors that have not ended.', () =>
    sum((run) => run.inFlight),
  );
  meter.gauge('wiz_attempts_waiting_retry', 'Tasks that wait for their next try.', () =>
    sum((run) => run.retrying.size),
  );
  meter.gauge('wiz_watchers', 'Streams that watch runs.', () => [{ value: watchers.count() }]);
  meter.gauge('wiz_managers_alive', 'Managers of the store whose heartbeat is fresh.', async () => {
    const rows = await store.listManagers();
    return [{ value: rows.filter(({ expiresMs }) => expiresMs > Date.now()).length }];
  });
  meter.gauge(
    'wiz_leases_held',
    'Leases that this manager holds, by what they are for.',
    async () => {
      const held: Sample<'kind'>[] = [{ value: loop.runs.size, labels: { kind: 'run' } }];
      for (const kind of LEASE_KINDS) {
        const rows = await store.listLeases(kind);
        const own = rows.filter(({ holder, expiresMs }) => holder === managerId && expiresMs > Date.now());
        held.push({ value: own.length, labels: { kind } });
      }
      return held;
    },
    ['kind'],
  );
  addExecutors(
    meter,
    () => [...loop.executors.values()],
    () => new Set(fleet.joined()),
  );
}

/** Leases with a name of their own. */
const LEASE_KINDS = ['background', 'centre', 'launch', 'prune'];

interface Load {
  executorId: string;
  slots: number;
  program: number;
  call: number;
}

/** Executors that have labels of their own; the rest is added up as `other`. */
const MOST_EXECUTORS = 200;

function addExecutors(meter: Meter, loads: () => Load[], joined: () => Set<string>): void {
  const each = (value: (load: Load) => number): Sample<'executor'>[] => {
    const all = loads();
    const samples = all
      .slice(0, MOST_EXECUTORS)
      .map((load) => ({ value: value(load), labels: { executor: load.executorId } }));
    const rest = all.slice(MOST_EXECUTORS).reduce((total, load) => total + value(load), 0);
    return all.length > MOST_EXECUTORS
      ? [...samples, { value: rest, labels: { executor: 'other' } }]
      : samples;
  };
  const label = ['executor'] as 'executor'[];
  meter.gauge(
    'wiz_executor_slots',
    'Programs at once on an executor.',
    () => each(({ slots }) => slots),
    label,
  );
  meter.gauge(
    'wiz_executor_programs',
    'Programs given to an executor that have not ended.',
    () => each(({ program }) => program),
    label,
  );
  meter.gauge(
    'wiz_executor_calls',
    'Bundled processors given to an executor that have not ended.',
    () => each(({ call }) => call),
    label,
  );
  meter.gauge(
    'wiz_executor_in_session',
    'Whether an executor answers now; 0 while it is being reached again.',
    () => {
      const now = joined();
      return each(({ executorId }) => Number(now.has(executorId)));
    },
    label,
  );
}
