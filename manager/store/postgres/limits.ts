import { WizError } from '../../../proto/error.ts';
import type { LimitChanges } from '../store.ts';
import type { Query } from './connection.ts';
import { texts } from './literals.ts';

/** Holders of limits, changed inside the transaction of a commit. */

/** One of the two numbers of an advisory lock, so that others of ours are no limits. */
const LOCKS = 0x6c696d; // "lim"
const LOCK = 'SELECT pg_advisory_xact_lock($1::int4, hashtext(key)) FROM unnest($2::text[]) AS key';
const RELEASE = `DELETE FROM leases USING unnest($1::text[], $2::text[]) AS i (key, holder)
  WHERE kind = 'limit' AND leases.key = i.key AND leases.holder = i.holder AND leases.run_id <> ALL ($3::text[])`;
const ACQUIRE = `INSERT INTO leases (kind, key, holder, epoch, run_id, expires_ms)
  SELECT 'limit', i.key, i.holder, 0, i.run_id, 0 FROM unnest($1::text[], $2::text[], $3::text[]) AS i (key, holder, run_id)
  ON CONFLICT DO NOTHING RETURNING key`;
const COUNT = `SELECT key, count(*)::int4 AS holders FROM leases WHERE kind = 'limit' AND key = ANY ($1::text[])
  GROUP BY key`;

/** Before anything is read: other commits that acquire the same keys wait until this one has ended. */
export async function lockLimits(query: Query, limits: LimitChanges): Promise<void> {
  const keys = [...new Set(limits.acquire.map(({ key }) => key))].sort();
  if (keys.length > 0) await query(LOCK, [LOCKS, texts(keys)]);
}

/** Returns the keys that would have too many holders. Changes of fenced runs are left out: the new owner decides. */
export async function changeLimits(
  query: Query,
  limits: LimitChanges,
  fenced: Set<string>,
): Promise<string[]> {
  const { release, max } = limits;
  if (release.length > 0) {
    const keys = texts(release.map(({ key }) => key));
    await query(RELEASE, [keys, texts(release.map(({ holder }) => holder)), texts([...fenced])]);
  }
  const acquire = limits.acquire.filter(({ runId }) => !fenced.has(runId));
  if (acquire.length === 0) return [];
  for (const { key } of acquire) {
    if (max[key] === undefined) throw new WizError('internal', `The limit ${key} has no maximum.`);
  }
  const columns = [
    acquire.map(({ key }) => key),
    acquire.map(({ holder }) => holder),
    acquire.map(({ runId }) => runId),
  ];
  const grown = new Set((await query(ACQUIRE, columns.map(texts))).map((row) => row.key as string));
  if (grown.size === 0) return [];
  const counts = await query(COUNT, [texts([...grown])]);
  return counts.filter((row) => Number(row.holders) > max[row.key as string]!).map((row) => String(row.key));
}
