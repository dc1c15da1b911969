import { entriesNaming, entryOf } from '../cache-entries.ts';
import type { CacheEntry, FileStamp } from '../store.ts';
import type { Connection } from './connection.ts';
import { clean, numbers, texts } from './literals.ts';

/** Results that may be used again, and the hashes of files on disk that they depend on. */

const COLUMNS = 'key, pipeline, processor, run_id AS "runId", created_ms AS "createdMs", result';
const FIND = `SELECT ${COLUMNS} FROM cache_entries WHERE key = ANY ($1::text[])`;
const LATEST = `SELECT e.* FROM unnest($2::text[]) AS i (processor) CROSS JOIN LATERAL
  (SELECT ${COLUMNS} FROM cache_entries WHERE pipeline = $1 AND processor = i.processor
   ORDER BY run_id DESC, created_ms DESC LIMIT 1) AS e`;
// Where the hash is in the message is looked at afterwards. Asked for lineage only, so that no commit pays for an index.
const NAMING = `SELECT ${COLUMNS} FROM cache_entries WHERE position($1::bytea IN result) > 0 ORDER BY created_ms DESC`;
const PUT_STAMPS = `INSERT INTO file_stamps (path, size, mtime_ns, ctime_ns, inode, hash)
  SELECT * FROM unnest($1::text[], $2::float8[], $3::text[], $4::text[], $5::text[], $6::text[])
  ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
    ctime_ns = excluded.ctime_ns, inode = excluded.inode, hash = excluded.hash`;
const FIND_STAMPS = `SELECT path, size, mtime_ns AS "mtimeNs", ctime_ns AS "ctimeNs", inode, hash
  FROM file_stamps WHERE path = ANY ($1::text[])`;

export async function findCacheEntries(
  connection: Connection,
  keys: string[],
): Promise<Map<string, CacheEntry>> {
  if (keys.length === 0) return new Map();
  const rows = await connection.query(FIND, [texts(keys)]);
  return new Map(rows.map((row) => [row.key as string, entryOf(row)]));
}

export async function latestCacheEntries(
  connection: Connection,
  pipeline: string,
  processors: string[],
): Promise<Map<string, CacheEntry>> {
  if (processors.length === 0) return new Map();
  const rows = await connection.query(LATEST, [pipeline, texts(processors)]);
  return new Map(rows.map((row) => [row.processor as string, entryOf(row)]));
}

export async function findCacheEntriesNaming(
  connection: Connection,
  hash: string,
  limit: number,
): Promise<CacheEntry[]> {
  return entriesNaming(await connection.query(NAMING, [Buffer.from(hash)]), hash, limit);
}

export async function getFileStamps(
  connection: Connection,
  paths: string[],
): Promise<Map<string, FileStamp>> {
  if (paths.length === 0) return new Map();
  const rows = await connection.query(FIND_STAMPS, [texts(paths)]);
  return new Map(rows.map((row) => [row.path as string, row as unknown as FileStamp]));
}

export async function putFileStamps(connection: Connection, stamps: FileStamp[]): Promise<void> {
  if (stamps.length === 0) return;
  // Each once, in an order that two managers share.
  const byPath = new Map(stamps.map((stamp) => [clean(stamp.path), stamp]));
  const sorted = [...byPath.keys()].sort().map((path) => byPath.get(path)!);
  const column = (of: (stamp: FileStamp) => string) => texts(sorted.map(of));
  await connection.query(PUT_STAMPS, [
    column(({ path }) => path),
    numbers(sorted.map(({ size }) => size)),
    column(({ mtimeNs }) => mtimeNs),
    column(({ ctimeNs }) => ctimeNs),
    column(({ inode }) => inode),
    column(({ hash }) => hash),
  ]);
}
