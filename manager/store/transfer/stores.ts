import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { WizError } from '../../../proto/error.ts';
import { filePath, noAddress, storeKind } from '../address.ts';
import { openStore } from '../open-store.ts';
import { connect, connectTo } from '../postgres/connection.ts';
import { archiveSource } from './archive-source.ts';
import { archiveTarget } from './archive-target.ts';
import { checkCurrent, checkUnused, homeOf, readSchema, type StoreAddress, shown } from './place.ts';
import { postgresSource } from './postgres-source.ts';
import { postgresTarget } from './postgres-target.ts';
import { sqliteSource } from './sqlite-source.ts';
import { sqliteTarget } from './sqlite-target.ts';
import { type Counts, type Progress, type Source, type Target, transfer } from './transfer.ts';

/** What `wiz store` does. */

export type { StoreAddress } from './place.ts';
export type { Progress } from './transfer.ts';

export interface Migrated {
  /** Without a password, as all addresses here. */
  store: string;
  /** Migrations it had, 0 when it was made, and has. */
  from: number;
  to: number;
}

export interface Moved {
  from: string;
  to: string;
  /** Rows of each table. */
  tables: Counts;
  /** Of the values of all rows. */
  bytes: number;
}

export interface BackedUp extends Moved {
  /** Bytes of the file. */
  size: number;
}

type OnProgress = (progress: Progress) => void;

/** Makes a store, or brings one up to date. Throws WizError. */
export async function migrateStore(address: string): Promise<Migrated> {
  checkAddress(address);
  const { schema, known } = await readSchema(address);
  await (await openStore(address)).close();
  return { store: shown(address), from: schema, to: known };
}

/** Writes a store as it is at one moment, while managers work, to a file. Throws WizError. */
export async function backupStore(
  from: StoreAddress,
  file: string,
  onProgress?: OnProgress,
): Promise<BackedUp> {
  const path = resolve(file);
  const source = await sourceOf(from);
  const moved = await move(source, archiveTarget(path, storeKind(from.address)), onProgress);
  return { ...moved, size: (await stat(path)).size };
}

/** Fills an empty store from such a file. Throws WizError; then nothing was changed. */
export async function restoreStore(file: string, to: StoreAddress, onProgress?: OnProgress): Promise<Moved> {
  checkAddress(to.address);
  await checkUnused(to.address, 'a store is filled before managers use it');
  return move(archiveSource(resolve(file)), await targetOf(to), onProgress);
}

/** Fills an empty store with what another one has. Unless `live`, nobody may work on that one. Throws WizError. */
export async function copyStore(
  from: StoreAddress,
  to: StoreAddress,
  { live = false, onProgress }: { live?: boolean; onProgress?: OnProgress } = {},
): Promise<Moved> {
  checkAddress(to.address);
  if (shown(from.address) === shown(to.address)) {
    throw new WizError('invalid_argument', `${shown(to.address)} is the store that is copied itself.`);
  }
  const source = await sourceOf(from);
  try {
    const advice =
      'end it first, or copy the store as it is now with --live: what is done afterwards is not in the copy';
    if (!live) await checkUnused(from.address, advice);
    await checkUnused(to.address, 'a store is filled before managers use it');
    return await move(source, await targetOf(to), onProgress);
  } finally {
    await source.close();
  }
}

async function move(source: Source, target: Target, onProgress: OnProgress | undefined): Promise<Moved> {
  try {
    const moved = await transfer(source, target, onProgress);
    return { from: source.place, to: target.place, ...moved };
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

/** A relative path would be of wherever this is called. */
function checkAddress(address: string): void {
  if (storeKind(address) === 'sqlite' && !filePath(address).startsWith('/')) throw noAddress(address);
}

async function sourceOf(from: StoreAddress): Promise<Source> {
  const { address } = from;
  checkAddress(address);
  await checkCurrent(address);
  if (storeKind(address) === 'sqlite') return sqliteSource(filePath(address), shown(address), homeOf(from));
  return postgresSource(connectTo(address));
}

async function targetOf(to: StoreAddress): Promise<Target> {
  const { address } = to;
  if (storeKind(address) === 'sqlite') return sqliteTarget(filePath(address), shown(address), homeOf(to));
  return postgresTarget(await connect(address));
}
