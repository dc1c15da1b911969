import { and, eq, gt, gte, lt, type SQL, type SQLWrapper } from 'drizzle-orm';
import { firstIdAt } from '../../proto/ids.ts';
import type { AuditFilter } from './access-store.ts';

/** The columns that a list of the audit is chosen by, of whichever store. */
type Columns = Record<'actor' | 'method' | 'entryId' | 'atMs', SQLWrapper>;

/** Undefined: all entries. */
export function auditCondition(audit: Columns, filter: Omit<AuditFilter, 'limit'>): SQL | undefined {
  const { actor, method, sinceMs, untilMs, beforeEntryId } = filter;
  const conditions: SQL[] = [];
  if (actor !== undefined) conditions.push(eq(audit.actor, actor));
  if (method?.endsWith('/')) {
    conditions.push(gte(audit.method, method), lt(audit.method, `${method.slice(0, -1)}0`));
  } else if (method !== undefined) conditions.push(eq(audit.method, method));
  if (sinceMs !== undefined) {
    // An id is never older than its entry; the key bounds what is looked at.
    conditions.push(gt(audit.entryId, firstIdAt(sinceMs)), gte(audit.atMs, sinceMs));
  }
  if (untilMs !== undefined) conditions.push(lt(audit.atMs, untilMs));
  if (beforeEntryId !== undefined) conditions.push(lt(audit.entryId, beforeEntryId));
  return and(...conditions);
}
