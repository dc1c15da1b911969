import type { Sql, TransactionSql } from 'postgres';
import { WizError } from '../../../proto/error.ts';
import { MIGRATIONS } from '../migrations-postgres/embedded.ts';
import { lastPartition, makePartitions } from './partitions.ts';

/** The schema of the database in which all our tables are. */
export const SCHEMA = 'wiz';
/** Key of the advisory lock under which one process at a time changes tables: "wiz1". */
const LOCK = 0x77697a31;
const APPLICATION = 'wiz1';

/**
 * Brings the database up to this wiz in one transaction, one process at a time; one that is up to date costs one read.
 * Throws WizError failed_precondition for the schema of a newer wiz or of another program, and what the driver throws.
 *
 * Drizzle's migrator is not used: it reads folders (there are none in a bundle) and takes no lock, so that of two
 * processes that begin with an empty database one fails.
 */
export async function migrate(sql: Sql, place: string, nowMs: number): Promise<void> {
  const { version, partitioned } = await look(sql, place, nowMs);
  if (version === MIGRATIONS.length && partitioned) return;
  await sql.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(${LOCK})`;
    // Again: another process may have been first.
    const now = await look(transaction, place, nowMs);
    if (now.version < MIGRATIONS.length) await bringUp(transaction, now.version);
    if (now.partitioned) return;
    await makePartitions(transaction, nowMs);
  });
}

async function bringUp(sql: TransactionSql, version: number): Promise<void> {
  await sql.unsafe(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
  await sql.unsafe(
    `CREATE TABLE IF NOT EXISTS ${SCHEMA}.wiz_schema (application text NOT NULL, version integer NOT NULL)`,
  );
  // All at once: a new store has some forty statements.
  await sql.unsafe(
    MIGRATIONS.slice(version)
      .flatMap(({ statements }) => statements)
      .join('\n'),
  );
  await sql.unsafe('DELETE FROM wiz_schema');
  await sql`INSERT INTO wiz_schema VALUES (${APPLICATION}, ${MIGRATIONS.length})`;
}

async function look(
  sql: Sql | TransactionSql,
  place: string,
  nowMs: number,
): Promise<{ version: number; partitioned: boolean }> {
  const [found] = await sql.unsafe(
    `SELECT to_regclass('${SCHEMA}.wiz_schema') IS NOT NULL AS ours,
       to_regclass('${SCHEMA}.${lastPartition(nowMs)}') IS NOT NULL AS partitioned,
       (SELECT count(*)::int4 FROM pg_class WHERE relnamespace = to_regnamespace('${SCHEMA}')) AS tables`,
  );
  const { ours, partitioned, tables } = found!;
  const [row] = ours ? await sql.unsafe(`SELECT * FROM ${SCHEMA}.wiz_schema`) : [];
  if (row === undefined ? tables > 0 : row.application !== APPLICATION) {
    throw new WizError(
      'failed_precondition',
      `The schema "${SCHEMA}" of the database ${place} is that of another program; use another database.`,
    );
  }
  const version = Number(row?.version ?? 0);
  if (version > MIGRATIONS.length) {
    throw new WizError(
      'failed_precondition',
      `The store ${place} was written by a newer wiz (schema ${version}, this one knows ${MIGRATIONS.length}); ` +
        'upgrade wiz, or use another database.',
    );
  }
  return { version, partitioned: Boolean(partitioned) };
}
