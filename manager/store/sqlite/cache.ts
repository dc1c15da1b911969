import { toBinary } from '@bufbuild/protobuf';
import { ProcessorReusedSchema } from '../../../proto/gen/wiz/v1/events_pb.js';
import { entriesNaming, entryOf } from '../cache-entries.ts';
import type { CacheEntry, FileStamp } from '../store.ts';
import type { Connection } from './connection.ts';

/** Results that may be used again, and the hashes of files on disk that they depend on. */

const PUT = `INSERT INTO cache_entries (key, pipeline, processor, run_id, created_ms, result)
  VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET pipeline = excluded.pipeline, processor = excluded.processor,
    run_id = excluded.run_id, created_ms = excluded.created_ms, result = excluded.result`;
// Ids of runs sort by time.
const PASS_ON = 'UPDATE cache_entries SET run_id = ? WHERE key = ? AND run_id < ?';
const COLUMNS = 'key, pipeline, processor, run_id AS runId, created_ms AS createdMs, result';
const FIND = `SELECT ${COLUMNS} FROM cache_entries WHERE key = ?`;
const LATEST = `SELECT ${COLUMNS} FROM cache_entries WHERE pipeline = ? AND processor = ?
  ORDER BY run_id DESC, created_ms DESC LIMIT 1`;
// Where the hash is in the message is looked at afterwards. Asked for lineage only, so that no commit pays for an index.
const NAMING = `SELECT ${COLUMNS} FROM cache_entries WHERE instr(result, ?) > 0 ORDER BY created_ms DESC`;
const PUT_STAMP = `INSERT INTO file_stamps (path, size, mtime_ns, ctime_ns, inode, hash) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
    ctime_ns = excluded.ctime_ns, inode = excluded.inode, hash = excluded.hash`;
const FIND_STAMP = `SELECT path, size, mtime_ns AS mtimeNs, ctime_ns AS ctimeNs, inode, hash
  FROM file_stamps WHERE path = ?`;

/** Inside a transaction. */
export function putCacheEntries(connection: Connection, entries: CacheEntry[]): void {
  const put = connection.statement(PUT);
  for (const { key, pipeline, processor, runId, createdMs, result } of entries) {
    put.run(key, pipeline, processor, runId, createdMs, toBinary(ProcessorReusedSchema, result));
  }
}

/** Inside a transaction: entries that a run has used, so that they stay as long as it does. */
export function passOnCacheEntries(connection: Connection, runId: string, keys: string[]): void {
  const passOn = connection.statement(PASS_ON);
  for (const key of keys) passOn.run(runId, key, runId);
}

export function findCacheEntries(connection: Connection, keys: string[]): Map<string, CacheEntry> {
  return connection.read(() => {
    const found = new Map<string, CacheEntry>();
    for (const key of keys) {
      const row = connection.statement(FIND).get(key);
      if (row !== undefined) found.set(key, entryOf(row));
    }
    return found;
  });
}

export function latestCacheEntries(
  connection: Connection,
  pipeline: string,
  processors: string[],
): Map<string, CacheEntry> {
  return connection.read(() => {
    const found = new Map<string, CacheEntry>();
    for (const processor of processors) {
      const row = connection.statement(LATEST).get(pipeline, processor);
      if (row !== undefined) found.set(processor, entryOf(row));
    }
    return found;
  });
}

export function findCacheEntriesNaming(connection: Connection, hash: string, limit: number): CacheEntry[] {
  const rows = connection.read(() => connection.statement(NAMING).all(Buffer.from(hash)));
  return entriesNaming(rows, hash, limit);
}

export function getFileStamps(connection: Connection, paths: string[]): Map<string, FileStamp> {
  return connection.read(() => {
    const found = new Map<string, FileStamp>();
    for (const path of paths) {
      const row = connection.statement(FIND_STAMP).get(path);
      if (row !== undefined) found.set(path, { ...row } as unknown as FileStamp);
    }
    return found;
  });
}

export async function putFileStamps(connection: Connection, stamps: FileStamp[]): Promise<void> {
  if (stamps.length === 0) return;
  await connection.write(() => {
    const put = connection.statement(PUT_STAMP);
    for (const { path, size, mtimeNs, ctimeNs, inode, hash } of stamps) {
      put.run(path, size, mtimeNs, ctimeNs, inode, hash);
    }
  });
}
