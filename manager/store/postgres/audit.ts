import { desc } from 'drizzle-orm';
import type { AuditEnd, AuditFilter, AuditRow } from '../access-store.ts';
import { auditCondition } from '../audit-filter.ts';
import type { Connection } from './connection.ts';
import { numbers, texts } from './literals.ts';
import { audit } from './schema.ts';

/**
 * Who did what. One statement, so one way to the server; and its commit does not wait for the disk: commits are in one log
 * in their order, so the sync of what a call commits later takes its entry along.
 */
const WRITE = `WITH later AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
  added AS (
    INSERT INTO audit (entry_id, at_ms, actor, kind, credential, method, target, outcome, peer, manager_id, trace_id, calls)
    SELECT i.* FROM later, unnest($1::text[], $2::float8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
      $8::text[], $9::text[], $10::text[], $11::text[], $12::int4[]) AS i
    ON CONFLICT DO NOTHING)
  UPDATE audit SET target = i.target, outcome = i.outcome, calls = i.calls
  FROM later, unnest($13::text[], $14::text[], $15::text[], $16::int4[]) AS i (entry_id, target, outcome, calls)
  WHERE audit.entry_id = i.entry_id`;
/** Looks at the oldest only, in the order of their ids. */
const PRUNE = `DELETE FROM audit WHERE entry_id IN (
  SELECT entry_id FROM (SELECT entry_id, at_ms FROM audit ORDER BY entry_id LIMIT $1) AS oldest WHERE at_ms < $2)
  RETURNING 1`;

export async function writeAudit(
  connection: Connection,
  added: AuditRow[],
  ended: AuditEnd[],
): Promise<void> {
  // The parts of a statement do not see what the others write.
  const ends = new Map(ended.map((end) => [end.entryId, end]));
  const rows = added.map((row) => ({ ...row, ...ends.get(row.entryId) }));
  const column = (of: (row: AuditRow) => string) => texts(rows.map(of));
  await connection.query(WRITE, [
    column((row) => row.entryId),
    numbers(rows.map((row) => row.atMs)),
    column((row) => row.actor),
    column((row) => row.kind),
    column((row) => row.credential),
    column((row) => row.method),
    column((row) => row.target),
    column((row) => row.outcome),
    column((row) => row.peer),
    column((row) => row.managerId),
    column((row) => row.traceId),
    numbers(rows.map((row) => row.calls)),
    texts(ended.map((end) => end.entryId)),
    texts(ended.map((end) => end.target)),
    texts(ended.map((end) => end.outcome)),
    numbers(ended.map((end) => end.calls)),
  ]);
}

export function listAudit(connection: Connection, filter: AuditFilter): Promise<AuditRow[]> {
  return connection.ask((db) =>
    db
      .select()
      .from(audit)
      .where(auditCondition(audit, filter))
      .orderBy(desc(audit.entryId))
      .limit(filter.limit),
  );
}

export async function pruneAudit(connection: Connection, beforeMs: number, limit: number): Promise<number> {
  return (await connection.query(PRUNE, [limit, beforeMs])).length;
}
