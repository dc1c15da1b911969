import { desc } from 'drizzle-orm';
import type { AuditEnd, AuditFilter, AuditRow } from '../access-store.ts';
import { auditCondition } from '../audit-filter.ts';
import type { Connection } from './connection.ts';
import { audit } from './schema.ts';

/** Who did what. Text statements where they are run for each call. */

const ADD = `INSERT INTO audit (entry_id, at_ms, actor, kind, credential, method, target, outcome, peer, manager_id,
  trace_id, calls) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const END = 'UPDATE audit SET target = ?, outcome = ?, calls = ? WHERE entry_id = ?';

export function writeAudit(connection: Connection, added: AuditRow[], ended: AuditEnd[]): Promise<void> {
  return connection.write(
    () => {
      const add = connection.statement(ADD);
      for (const row of added) {
        const { entryId, atMs, actor, kind, credential, method, target, outcome, peer } = row;
        const { managerId, traceId, calls } = row;
        add.run(
          entryId,
          atMs,
          actor,
          kind,
          credential,
          method,
          target,
          outcome,
          peer,
          managerId,
          traceId,
          calls,
        );
      }
      const end = connection.statement(END);
      for (const { entryId, target, outcome, calls } of ended) end.run(target, outcome, calls, entryId);
    },
    { later: true },
  );
}

export function listAudit(connection: Connection, filter: AuditFilter): AuditRow[] {
  return connection.read(() =>
    connection.db
      .select()
      .from(audit)
      .where(auditCondition(audit, filter))
      .orderBy(desc(audit.entryId))
      .limit(filter.limit)
      .all(),
  );
}

/** Looks at the oldest only, in the order of their ids. */
const PRUNE = `DELETE FROM audit WHERE entry_id IN (
  SELECT entry_id FROM (SELECT entry_id, at_ms FROM audit ORDER BY entry_id LIMIT ?) WHERE at_ms < ?)`;

const OLDEST = 'SELECT at_ms AS atMs FROM audit ORDER BY entry_id LIMIT 1';

export async function pruneAudit(connection: Connection, beforeMs: number, limit: number): Promise<number> {
  // Asked by each command that changes something, mostly in vain: look before taking the lock.
  const oldest = connection.read(() => connection.statement(OLDEST).get());
  if (oldest === undefined || Number(oldest.atMs) >= beforeMs) return 0;
  return connection.write(() => Number(connection.statement(PRUNE).run(limit, beforeMs).changes), {
    later: true,
  });
}
