import type { FileLink, KeptFilter } from '../store.ts';
import type { Connection, Row } from './connection.ts';
import { texts } from './literals.ts';

/** Which run refers to which file. */

const COLUMNS = `hash, file_links.run_id AS "runId", runs.pipeline AS pipeline, processor, attempt, role, name, size,
    folder, media_type AS "mediaType", file_links.created_ms AS "createdMs", origin_run_id AS "originRunId",
    origin_attempt AS "originAttempt"`;
const SELECT = `SELECT ${COLUMNS} FROM file_links JOIN runs ON runs.run_id = file_links.run_id`;
const NEWEST = 'ORDER BY file_links.run_id DESC, id';
const NEWEST_MAKER = `SELECT runs.run_id FROM runs JOIN file_links ON file_links.run_id = runs.run_id
  WHERE runs.pipeline = $1 AND processor = $2 AND role = 'made' AND name = $3 ORDER BY runs.run_id DESC LIMIT 1`;
const REFERRED = `SELECT hash, bool_or(folder) AS folder FROM file_links WHERE run_id <> ALL ($1::text[])
  GROUP BY hash`;

/** Hexadecimal digits of a SHA-256. */
const HASH_LENGTH = 64;

export async function findFileLinks(
  connection: Connection,
  hash: string,
  limit: number,
): Promise<FileLink[]> {
  if (hash.length >= HASH_LENGTH) {
    return links(await connection.query(`${SELECT} WHERE hash = $1 ${NEWEST} LIMIT $2`, [hash, limit]));
  }
  // Sorts after every digit.
  const text = `${SELECT} WHERE hash >= $1 AND hash < $2 ${NEWEST} LIMIT $3`;
  return links(await connection.query(text, [hash, `${hash}g`, limit]));
}

export async function listFileLinks(
  connection: Connection,
  runId: string,
  processor?: string,
): Promise<FileLink[]> {
  const ofRun = `${SELECT} WHERE file_links.run_id = $1`;
  return links(
    await (processor === undefined
      ? connection.query(`${ofRun} ORDER BY id`, [runId])
      : connection.query(`${ofRun} AND processor = $2 ORDER BY id`, [runId, processor])),
  );
}

export async function listKeptFiles(
  connection: Connection,
  { pipeline, path, made, limit }: KeptFilter,
): Promise<FileLink[]> {
  const values: (string | number)[] = [];
  const given = (value: string | number) => `$${values.push(value)}`;
  const conditions = [
    made ? "role IN ('kept', 'made')" : "role = 'kept'",
    ...(pipeline === undefined ? [] : [`runs.pipeline = ${given(pipeline)}`]),
    ...(path === undefined ? [] : [`name = ${given(path)}`]),
  ];
  const text = `${SELECT} WHERE ${conditions.join(' AND ')} ${NEWEST} LIMIT ${given(limit)}`;
  return links(await connection.query(text, values));
}

export async function findRunThatMade(
  connection: Connection,
  pipeline: string,
  processor: string,
  name: string,
): Promise<string | undefined> {
  const [row] = await connection.query(NEWEST_MAKER, [pipeline, processor, name]);
  return row?.run_id as string | undefined;
}

/** Every hash that links of other runs than these name, and whether it is a folder. */
export async function referredHashes(
  connection: Connection,
  without: string[] = [],
): Promise<Map<string, boolean>> {
  const rows = await connection.query(REFERRED, [texts(without)]);
  return new Map(rows.map((row) => [row.hash as string, row.folder as boolean]));
}

function links(rows: Row[]): FileLink[] {
  return rows as unknown as FileLink[];
}
