import type { ServiceImpl } from '@connectrpc/connect';
import { WizError } from '../../proto/error.ts';
import type { Executor, ManagerService } from '../../proto/gen/wiz/v1/managers_pb.js';
import { WIZ_VERSION } from '../../proto/version.ts';
import type { Manager } from '../manager.ts';
import type { ExecutorRow } from '../store/store.ts';
import { unary } from './errors.ts';

/** The manager itself, its peers and its executors. */
export function managerService(manager: Manager): ServiceImpl<typeof ManagerService> {
  const { store, launcher } = manager;

  return {
    getManager: unary(async () => {
      const living = await manager.membership.living();
      const rows = await store.listManagers();
      return {
        managerId: manager.managerId,
        version: WIZ_VERSION,
        home: manager.home,
        managers: rows
          .filter((row) => living.includes(row.managerId))
          .map((row) => ({
            managerId: row.managerId,
            pid: row.pid,
            hostname: row.hostname,
            heartbeatUnixMs: row.heartbeatMs,
            runs: row.managerId === manager.managerId ? manager.loop.runs.size : 0,
            kind: row.kind,
          })),
      };
    }),
    listExecutors: unary(async () => {
      const executors = await Promise.all((await store.listExecutors()).map(executorOf));
      // A local one that is gone ended because nothing needed it.
      return { executors: executors.filter(({ reachable, launcher: by }) => reachable || by !== 'local') };
    }),
    stopExecutors: unary(async ({ executorIds, force }) => {
      // Those at a given address are somebody else's.
      const rows = (await store.listExecutors()).filter((row) => row.launcher === 'local');
      for (const id of executorIds) {
        if (!rows.some((row) => row.executorId.startsWith(id))) {
          throw new WizError(
            'not_found',
            `There is no local executor "${id}". wiz executor list shows what there is.`,
          );
        }
      }
      const chosen = rows.filter(
        (row) => executorIds.length === 0 || executorIds.some((id) => row.executorId.startsWith(id)),
      );
      return launcher.stop(chosen, force);
    }),
  };

  async function executorOf(row: ExecutorRow): Promise<Executor> {
    const reachable = (await launcher.inspect(row)) === 'alive';
    const load = manager.loop.executors.get(row.executorId);
    return {
      $typeName: 'wiz.v1.Executor',
      executorId: row.executorId,
      address: row.address,
      pid: row.pid,
      version: row.version,
      slots: row.slots,
      running: load === undefined ? 0 : load.program + load.call,
      startedUnixMs: row.startedMs,
      launcher: row.launcher,
      reachable,
    };
  }
}
