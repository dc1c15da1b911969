import type { ServiceImpl } from '@connectrpc/connect';
import { WizError } from '../../proto/error.ts';
import type { ManagerService } from '../../proto/gen/wiz/v1/managers_pb.js';
import { WIZ_VERSION } from '../../proto/version.ts';
import type { Manager } from '../manager.ts';
import { unary } from './errors.ts';
import { addExecutor, removeExecutor, setDraining } from './executor-registry.ts';
import { viewExecutors } from './executor-view.ts';

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
      return { executors: await viewExecutors(manager) };
    }),
    addExecutor: unary((request) => addExecutor(manager, request)),
    drainExecutor: unary((request) => setDraining(manager, request)),
    removeExecutor: unary((request) => removeExecutor(manager, request)),
    stopExecutors: unary(async ({ executorIds, force }) => {
      // Those at a given address are somebody else's.
      const rows = (await store.listExecutors()).filter((row) => row.launcher === 'local');
      for (const id of executorIds) {
        if (!rows.some((row) => row.executorId.startsWith(id))) {
          throw new WizError(
            'not_found',
            `There is no local executor "${id}". wiz executors list shows what there is.`,
          );
        }
      }
      const chosen = rows.filter(
        (row) => executorIds.length === 0 || executorIds.some((id) => row.executorId.startsWith(id)),
      );
      return launcher.stop(chosen, force);
    }),
  };
}
