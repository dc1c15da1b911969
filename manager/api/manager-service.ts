import type { ServiceImpl } from '@connectrpc/connect';
import { WizError } from '../../proto/error.ts';
import type { Executor, ManagerService } from '../../proto/gen/wiz/v1/managers_pb.js';
import { WIZ_VERSION } from '../../proto/version.ts';
import { allLoads } from '../executor-loads.ts';
import type { Manager } from '../manager.ts';
import type { ExecutorRow } from '../store/store.ts';
import { unary } from './errors.ts';

/** The manager itself, its peers and its executors. */
export function managerService(manager: Manager): ServiceImpl<typeof ManagerService> {
  const { store, launcher } = manager;

  return {
    getManager: unary(async () => {
      const peers = await manager.membership.look();
      const centre = await store.getCentre();
      return {
        managerId: manager.managerId,
        version: WIZ_VERSION,
        home: manager.home,
        managers: peers
          .map((row) => ({
            managerId: row.managerId,
            pid: row.pid,
            hostname: row.hostname,
            heartbeatUnixMs: row.heartbeatMs,
            runs: row.managerId === manager.managerId ? manager.loop.runs.size : row.runs,
            kind: row.kind,
            roles: row.roles,
            draining: row.draining,
            centre: row.managerId === centre?.managerId,
            url: row.url,
          }))
          .sort((one, other) => (one.managerId < other.managerId ? -1 : 1)),
      };
    }),
    listExecutors: unary(async () => {
      await manager.membership.look();
      const loads = allLoads(manager);
      const rows = await store.listExecutors();
      const executors = await Promise.all(rows.map((row) => executorOf(row, loads.get(row.executorId) ?? 0)));
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

  async function executorOf(row: ExecutorRow, running: number): Promise<Executor> {
    const reachable = (await launcher.inspect(row)) === 'alive';
    return {
      $typeName: 'wiz.v1.Executor',
      executorId: row.executorId,
      address: row.address,
      pid: row.pid,
      version: row.version,
      slots: row.slots,
      running,
      startedUnixMs: row.startedMs,
      launcher: row.launcher,
      reachable,
    };
  }
}
