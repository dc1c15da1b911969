import path from 'node:path';
import { openFolderStore } from '../../files/folder-store.ts';
import { createFileExchange, type FileExchange } from '../files/file-exchange.ts';
import { createLocalFiles } from '../files/local-files.ts';
import { createDataRooms, type DataRooms } from './data-rooms.ts';

/** For tests: the rooms of one executor in a temporary folder, over a store in it that its manager shares. */
export async function openTestRooms(
  folder: string,
  executorId: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<DataRooms> {
  const rooms = await openRemoteTestRooms(folder, executorId, environment);
  const manager = rooms.exchange.wanted.join((hashes) => setImmediate(() => manager.absent(hashes)));
  return rooms;
}

/** The same without a manager: what is not in the store is waited for. */
export async function openRemoteTestRooms(
  folder: string,
  executorId: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<DataRooms & { exchange: FileExchange }> {
  const store = await openFolderStore(path.join(folder, 'store'));
  const exchange = createFileExchange(store);
  const rooms = createDataRooms({
    executorId,
    environment,
    files: createLocalFiles(store, exchange.transfer),
    staging: { folder: path.join(folder, 'runs'), own: true },
  });
  return { ...rooms, exchange };
}
