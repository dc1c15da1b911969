import { WizError } from '../../../proto/error.ts';
import { MIGRATIONS } from '../migrations-postgres/embedded.ts';
import type { Once, Query } from './connection.ts';
import { lastPartition, partitionStatements } from './partitions.ts';

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
export async function migrate(
  once: Pick<Once, 'query' | 'transaction'>,
  place: string,
  nowMs: number,
): Promise<void> {
  const { version, partitioned } = await look(once.query, place, nowMs);
  if (version === MIGRATIONS.length && partitioned) return;
  await once.transaction(async (query) => {
    await query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    // Again: another process may have been first.
    const now = await look(query, place, nowMs);
    if (now.version < MIGRATIONS.length) await bringUp(query, now.version);
    if (now.partitioned) return;
    await script(query, partitionStatements(nowMs));
  });
}

async function bringUp(query: Query, version: number): Promise<void> {
  await query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
  await query(
    `CREATE TABLE IF NOT EXISTS ${SCHEMA}.wiz_schema (application text NOT NULL, version integer NOT NULL)`,
  );
  await script(
    query,
    MIGRATIONS.slice(version).flatMap(({ statements }) => statements),
  );
  await query('DELETE FROM wiz_schema');
  await query('INSERT INTO wiz_schema VALUES ($1, $2)', [APPLICATION, MIGRATIONS.length]);
}

/** In one round trip: a new store has some sixty statements. */
export async function script(query: Query, statements: string[]): Promise<void> {
  const quoted = statements.map((statement) => `EXECUTE $wiz$${statement.replace(/;\s*$/, '')}$wiz$;`);
  await query(`DO $script$ BEGIN ${quoted.join(' ')} END $script$`);
}

export async function look(
  query: Query,
  place: string,
  nowMs: number,
): Promise<{ version: number; partitioned: boolean }> {
  const [found] = await query(
    `SELECT to_regclass('${SCHEMA}.wiz_schema') IS NOT NULL AS ours,
       to_regclass('${SCHEMA}.${lastPartition(nowMs)}') IS NOT NULL AS partitioned,
       (SELECT count(*)::int4 FROM pg_class WHERE relnamespace = to_regnamespace('${SCHEMA}')) AS tables`,
  );
  const { ours, partitioned, tables } = found!;
  const [row] = ours ? await query(`SELECT application, version FROM ${SCHEMA}.wiz_schema`) : [];
  if (row === undefined ? Number(tables) > 0 : row.application !== APPLICATION) {
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
