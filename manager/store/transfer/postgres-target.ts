import { timeOfId } from '../../../proto/ids.ts';
import { StreamEnds } from '../logs/end.ts';
import type { Connection, Value as Parameter, Query } from '../postgres/connection.ts';
import { codeOf, storeError } from '../postgres/errors.ts';
import { booleans, numbers, texts } from '../postgres/literals.ts';
import type { LogEnd } from '../postgres/log-ends.ts';
import { INSERT_CHUNKS, type NewRow, rowsOf, valuesOf } from '../postgres/log-writer.ts';
import { SCHEMA, script } from '../postgres/migrate.ts';
import { partitionStatements, weekOf } from '../postgres/partitions.ts';
import { jsonOf } from '../postgres/records.ts';
import { checkEmpty } from './empty.ts';
import { chunkOf, gapError } from './log-rows.ts';
import { type ColumnKind, LOGS, TABLES, type Table } from './tables.ts';
import { type Batch, type Counts, checkCount, type Target, type Value } from './transfer.ts';

/** An empty PostgreSQL store, which is filled in one transaction. */

/** Who comes meanwhile, a manager that starts, waits at its first heartbeat. */
const LOCK = 'LOCK TABLE managers, pipelines, runs IN EXCLUSIVE MODE';

export function postgresTarget(connection: Connection): Target {
  const { place } = connection;
  return {
    place,
    async take(fill) {
      try {
        // Once: when the answer to its end is lost, what is there has to be looked at.
        await connection.once.transaction(async (query) => {
          await query(LOCK);
          await refuseFilled(query, place);
          await countUp(query, await fill(writer(query)), place);
        });
      } catch (error) {
        throw codeOf(error) === '' ? error : storeError(error, place);
      }
    },
    close: () => connection.close(),
  };
}

async function refuseFilled(query: Query, place: string): Promise<void> {
  const filled: Table[] = [];
  for (const table of TABLES) {
    const { name, where = 'true' } = table;
    if ((await query(`SELECT 1 FROM ${name} WHERE ${where} LIMIT 1`)).length > 0) filled.push(table);
  }
  checkEmpty(place, filled);
}

function writer(query: Query): (batch: Batch) => Promise<void> {
  const writeLogs = logWriter(query);
  const weeks = new Set<string>();
  return async ({ table, rows }) => {
    if (table === LOGS) return writeLogs(rows);
    if (table.name === 'runs') await makeWeeks(query, rows, weeks);
    await query(insertInto(table), parameters(table, rows));
  };
}

/** The tables of the weeks that runs are of, see partitions.ts. Those of a clock that is ahead stay in the common one. */
async function makeWeeks(query: Query, runs: Value[][], made: Set<string>): Promise<void> {
  for (const [runId] of runs) {
    const ms = timeOfId(runId as string);
    if (ms === undefined || ms > Date.now() || made.has(weekOf(ms).name)) continue;
    made.add(weekOf(ms).name);
    await script(query, partitionStatements(ms));
  }
}

const TYPES: Record<ColumnKind, string> = {
  text: 'text',
  integer: 'int8',
  real: 'float8',
  boolean: 'boolean',
  bytes: 'text',
  json: 'text',
};

/** Columns of this kind of store alone: no claim has given a run to anybody. */
const OWN: Record<string, string> = { runs: 'claim' };

function insertInto({ name, columns }: Table): string {
  const names = Object.keys(columns).map((column) => `"${column}"`);
  const own = OWN[name];
  const lists = Object.values(columns).map((kind, n) => `$${n + 1}::${TYPES[kind]}[]`);
  const values = Object.entries(columns).map(([column, kind]) => {
    if (kind === 'bytes') return `decode(i."${column}", 'base64')`;
    return kind === 'json' ? `i."${column}"::jsonb` : `i."${column}"`;
  });
  const into = own === undefined ? names : [...names, own];
  if (own !== undefined) values.push("''");
  return `INSERT INTO ${name} (${into.join(', ')}) OVERRIDING SYSTEM VALUE
    SELECT ${values.join(', ')} FROM unnest(${lists.join(', ')}) AS i (${names.join(', ')})`;
}

function parameters({ columns }: Table, rows: Value[][]): Parameter[] {
  return Object.values(columns).map((kind, n) =>
    list(
      kind,
      rows.map((row) => row[n]!),
    ),
  );
}

function list(kind: ColumnKind, values: Value[]): string {
  if (kind === 'boolean') return booleans(values as boolean[]);
  if (kind === 'integer' || kind === 'real') return numbers(values as number[]);
  if (kind === 'json') return texts(values.map((value) => storable(value as string)));
  if (kind === 'text') return texts(values as (string | null)[]);
  return texts(values.map((value) => Buffer.from(value as Uint8Array).toString('base64')));
}

/** Of JSON that may have a NUL or half of a character in it. */
function storable(json: string): string {
  return /\\u(?:0000|[dD][89a-fA-F])/.test(json) ? jsonOf(JSON.parse(json)) : json;
}

/** Chunks of an attempt come one after another. */
function logWriter(query: Query): (rows: Value[][]) => Promise<void> {
  let attempt = '';
  let end: LogEnd;
  return async (rows) => {
    const written: NewRow[] = [];
    for (const row of rows) {
      const key = row.slice(0, 3).join('/');
      if (key !== attempt) end = { kept: { stdout: 0, stderr: 0 }, position: 0, ends: new StreamEnds() };
      attempt = key;
      const chunk = chunkOf(row);
      const pieces = rowsOf(chunk, end!);
      if (pieces.length === 0) throw gapError(chunk);
      written.push(...pieces);
    }
    await query(INSERT_CHUNKS, valuesOf(written));
  };
}

/** Counts what was written, and lets what counts up go on behind it. */
async function countUp(query: Query, counts: Counts, place: string): Promise<void> {
  for (const { name, where = 'true', counted } of TABLES) {
    const [row] = await query(`SELECT count(*)::float8 AS n FROM ${name} WHERE ${where}`);
    const n = row!.n as number;
    checkCount(place, name, counts[name]!, n);
    if (counted === undefined || n === 0) continue;
    await query(
      `SELECT setval(pg_get_serial_sequence('${SCHEMA}.${name}', '${counted}'), (SELECT max(${counted}) FROM ${name}))`,
    );
  }
}
