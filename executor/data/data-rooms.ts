import type { ExecutorFiles } from '../files/executor-files.ts';
import { createPlaces } from '../files/places.ts';
import { createStaging, type Staging } from '../files/staging.ts';
import type { InputRooms } from './attempt-inputs.ts';

/** What attempts of every kind share for their data; made once for an executor. */
export interface DataRooms extends InputRooms {
  staging: Staging;
}

export interface DataRoomsOptions {
  executorId: string;
  files: ExecutorFiles;
  /** Absolute folder of the staging folders, see Staging; `own` goes with the executor. */
  staging: { folder: string; own: boolean };
  /** The executor's own environment: where secrets may be. */
  environment: NodeJS.ProcessEnv;
}

export function createDataRooms(options: DataRoomsOptions): DataRooms {
  const { executorId, files, environment } = options;
  const places = createPlaces(files);
  const staging = createStaging({ ...options.staging, executorId, gone: places.forget });
  return { files, places, staging, environment };
}
