import type { DescService } from '@bufbuild/protobuf';
import { AccessService } from '../../proto/gen/wiz/v1/access_pb.js';
import { FileService } from '../../proto/gen/wiz/v1/files_pb.js';
import { HookService } from '../../proto/gen/wiz/v1/hooks_pb.js';
import { ManagerService } from '../../proto/gen/wiz/v1/managers_pb.js';
import { PipelineService } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import { RecordService } from '../../proto/gen/wiz/v1/records_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { TriggerService } from '../../proto/gen/wiz/v1/triggers_pb.js';

/** Every service of the API. roles.test.ts of manager/access tells when routes.ts serves another. */
export const SERVICES: readonly DescService[] = [
  PipelineService,
  RunService,
  ManagerService,
  FileService,
  RecordService,
  HookService,
  TriggerService,
  AccessService,
];
