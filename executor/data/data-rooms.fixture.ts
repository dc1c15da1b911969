import path from 'node:path';
import { openFolderStore } from '../../files/folder-store.ts';
import { createLocalFiles } from '../files/local-files.ts';
import { createDataRooms, type DataRooms } from './data-rooms.ts';

/** For tests: the rooms of one executor in a temporary folder, over a store in it. */
export async function openTestRooms(
  folder: string,
  executorId: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<DataRooms> {
  return createDataRooms({
    executorId,
    environment,
    files: createLocalFiles(await openFolderStore(path.join(folder, 'store'))),
    staging: { folder: path.join(folder, 'runs'), own: true },
  });
}
