import type { FileLink, KeptFilter } from '../store.ts';
import type { Connection } from './connection.ts';

/** Which run refers to which file. */

const INSERT = `INSERT INTO file_links (hash, run_id, processor, attempt, role, name, size, folder, media_type,
  created_ms, origin_run_id, origin_attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const DROP_KEPT = "DELETE FROM file_links WHERE run_id = ? AND role = 'kept'";
const SAME = `SELECT 1 FROM file_links WHERE run_id = ? AND processor = ? AND hash = ? AND attempt = ?
  AND role = ? AND name = ? AND created_ms = ?`;
const COLUMNS = `SELECT hash, file_links.run_id AS runId, runs.pipeline AS pipeline, processor, attempt, role, name,
    size, folder, media_type AS mediaType, file_links.created_ms AS createdMs, origin_run_id AS originRunId,
    origin_attempt AS originAttempt`;
// CROSS JOIN is the order to read in. Runs first where the pipeline is given: they have an index by it.
const SELECT = `${COLUMNS} FROM file_links CROSS JOIN runs ON runs.run_id = file_links.run_id`;
const SELECT_BY_PIPELINE = `${COLUMNS} FROM runs CROSS JOIN file_links ON file_links.run_id = runs.run_id
  WHERE runs.pipeline = ?`;
const NEWEST = 'ORDER BY file_links.run_id DESC, id LIMIT ?';
const BY_HASH = `${SELECT} WHERE hash = ? ${NEWEST}`;
const BY_PREFIX = `${SELECT} WHERE hash >= ? AND hash < ? ${NEWEST}`;
const BY_RUN = `${SELECT} WHERE file_links.run_id = ? ORDER BY id`;
const BY_PROCESSOR = `${SELECT} WHERE file_links.run_id = ? AND processor = ? ORDER BY id`;
const NEWEST_MAKER = `SELECT runs.run_id AS runId FROM runs CROSS JOIN file_links ON file_links.run_id = runs.run_id
  WHERE runs.pipeline = ? AND processor = ? AND role = 'made' AND name = ? ORDER BY runs.run_id DESC LIMIT 1`;
const REFERRED = `SELECT hash, max(folder) AS folder FROM file_links
  WHERE run_id NOT IN (SELECT value FROM json_each(?)) GROUP BY hash`;

/** Hexadecimal digits of a SHA-256. */
const HASH_LENGTH = 64;

/** Inside a transaction. With `again` some of the links may be there already. */
export function addFileLinks(connection: Connection, runId: string, links: FileLink[], again: boolean): void {
  if (links.some(({ role }) => role === 'kept')) connection.statement(DROP_KEPT).run(runId);
  const insert = connection.statement(INSERT);
  for (const link of links) {
    if (again && isThere(connection, runId, link)) continue;
    insert.run(
      link.hash,
      runId,
      link.processor,
      link.attempt,
      link.role,
      link.name,
      link.size,
      link.folder ? 1 : 0,
      link.mediaType,
      link.createdMs,
      link.originRunId,
      link.originAttempt,
    );
  }
}

function isThere(connection: Connection, runId: string, link: FileLink): boolean {
  const { processor, hash, attempt, role, name, createdMs } = link;
  const row = connection.statement(SAME).get(runId, processor, hash, attempt, role, name, createdMs);
  return row !== undefined;
}

export function findFileLinks(connection: Connection, hash: string, limit: number): FileLink[] {
  return connection.read(() => {
    if (hash.length >= HASH_LENGTH) return connection.statement(BY_HASH).all(hash, limit).map(linkOf);
    // Sorts after every digit.
    return connection.statement(BY_PREFIX).all(hash, `${hash}g`, limit).map(linkOf);
  });
}

export function listFileLinks(connection: Connection, runId: string, processor?: string): FileLink[] {
  return connection.read(() => {
    const rows =
      processor === undefined
        ? connection.statement(BY_RUN).all(runId)
        : connection.statement(BY_PROCESSOR).all(runId, processor);
    return rows.map(linkOf);
  });
}

export function listKeptFiles(
  connection: Connection,
  { pipeline, path, made, limit }: KeptFilter,
): FileLink[] {
  const text = [
    pipeline === undefined ? `${SELECT} WHERE true` : SELECT_BY_PIPELINE,
    made ? "AND role IN ('kept', 'made')" : "AND role = 'kept'",
    path === undefined ? '' : 'AND name = ?',
    pipeline === undefined ? NEWEST : 'ORDER BY runs.run_id DESC, id LIMIT ?',
  ].join(' ');
  const values = [pipeline, path].filter((value) => value !== undefined);
  return connection.read(() =>
    connection
      .statement(text)
      .all(...values, limit)
      .map(linkOf),
  );
}

export function findRunThatMade(
  connection: Connection,
  pipeline: string,
  processor: string,
  name: string,
): string | undefined {
  const row = connection.read(() => connection.statement(NEWEST_MAKER).get(pipeline, processor, name));
  return row === undefined ? undefined : String(row.runId);
}

/** Every hash that links of other runs than these name, and whether it is a folder. */
export function referredHashes(connection: Connection, without: string[] = []): Map<string, boolean> {
  return connection.read(() => {
    const referred = new Map<string, boolean>();
    for (const row of connection.statement(REFERRED).iterate(JSON.stringify(without))) {
      referred.set(String(row.hash), row.folder === 1);
    }
    return referred;
  });
}

function linkOf(row: Record<string, unknown>): FileLink {
  return { ...row, folder: row.folder === 1 } as FileLink;
}
