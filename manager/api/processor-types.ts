import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { type ProcessorType, ProcessorTypeSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Manager } from '../manager.ts';

/** What `uses` can name: the processors that executors of this manager publish. */
export async function processorTypes(manager: Manager): Promise<ProcessorType[]> {
  const catalogue = JSON.parse(await manager.launcher.catalogue()) as JsonValue[];
  return catalogue.map((entry) => fromJson(ProcessorTypeSchema, entry));
}
