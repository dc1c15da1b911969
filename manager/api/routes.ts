import type { ConnectRouter } from '@connectrpc/connect';
import { AccessService } from '../../proto/gen/wiz/v1/access_pb.js';
import { FileService } from '../../proto/gen/wiz/v1/files_pb.js';
import { HookService } from '../../proto/gen/wiz/v1/hooks_pb.js';
import { ManagerService } from '../../proto/gen/wiz/v1/managers_pb.js';
import { PipelineService } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import { RecordService } from '../../proto/gen/wiz/v1/records_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { TriggerService } from '../../proto/gen/wiz/v1/triggers_pb.js';
import type { Access } from '../access/access.ts';
import { accessService } from '../access/service.ts';
import type { Manager } from '../manager.ts';
import { fileService } from './file-service.ts';
import { hookService } from './hook-service.ts';
import { managerService } from './manager-service.ts';
import { pipelineService } from './pipeline-service.ts';
import { recordService } from './record-service.ts';
import { runService } from './run-service.ts';
import { triggerService } from './trigger-service.ts';

/** All services of a manager: what the command line has in memory, and a daemon on its port. Without `access` nobody signs in:
 *  the manager is its user's own. */
export function routes(
  manager: Manager,
  access?: Pick<Access, 'auth' | 'tokenRevoked'>,
): (router: ConnectRouter) => void {
  return (router) => {
    router.service(PipelineService, pipelineService(manager));
    router.service(RunService, runService(manager));
    router.service(ManagerService, managerService(manager));
    router.service(FileService, fileService(manager));
    router.service(RecordService, recordService(manager));
    router.service(HookService, hookService(manager));
    router.service(TriggerService, triggerService(manager));
    const { auth, tokenRevoked = () => {} } = access ?? { auth: undefined };
    router.service(AccessService, accessService({ store: manager.store, auth, tokenRevoked }));
  };
}
