import { WizError } from '../../../proto/error.ts';
import type { CentreTerm } from '../ownership-store.ts';
import { notify } from './changes.ts';
import type { Connection, Query } from './connection.ts';

/** The centre: a lease of the kind `centre`, and a row for each term, so that no epoch is given out twice. */

const CENTRE = `SELECT leases.holder, leases.epoch, started_ms FROM leases JOIN terms ON terms.epoch = leases.epoch
  WHERE kind = 'centre' AND key = ''`;
/** The term does not end before the transaction does. */
const KEEP = `${CENTRE} FOR SHARE OF leases`;
const LOCK = 'SELECT pg_advisory_xact_lock(2002874929, 3)';
const BEGIN = 'INSERT INTO terms (manager_id, started_ms) VALUES ($1, $2) RETURNING epoch';
const TAKE = `INSERT INTO leases (kind, key, holder, epoch, run_id, expires_ms) VALUES ('centre', '', $1, $2, '', 0)
  ON CONFLICT (kind, key) WHERE kind <> 'limit' DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch`;
const FORGET = 'DELETE FROM terms WHERE epoch <= $1';
/** Terms that are remembered. */
const KEPT = 1_000;

export async function getCentre(connection: Connection): Promise<CentreTerm | undefined> {
  return read(connection.query, CENTRE);
}

async function read(query: Query, text: string): Promise<CentreTerm | undefined> {
  const [row] = await query(text);
  if (row === undefined) return undefined;
  return {
    managerId: row.holder as string,
    epoch: row.epoch as number,
    startedMs: row.started_ms as number,
  };
}

export async function claimCentre(
  connection: Connection,
  managerId: string,
  living: string[],
  nowMs: number,
): Promise<{ epoch: number } | undefined> {
  const isTaken = (centre: CentreTerm | undefined) =>
    centre !== undefined && (centre.managerId === managerId || living.includes(centre.managerId));
  const own = (centre: CentreTerm | undefined) =>
    centre?.managerId === managerId ? { epoch: centre.epoch } : undefined;
  // Asked at each heartbeat and mostly in vain: look before taking the lock.
  const seen = await getCentre(connection);
  if (isTaken(seen)) return own(seen);
  return connection.transaction(async (query) => {
    await query(LOCK);
    const centre = await read(query, CENTRE);
    if (isTaken(centre)) return own(centre);
    const [term] = await query(BEGIN, [managerId, nowMs]);
    const epoch = term!.epoch as number;
    await query(FORGET, [epoch - KEPT]);
    await query(TAKE, [managerId, epoch]);
    return { epoch };
  });
}

export async function releaseCentre(connection: Connection, managerId: string): Promise<void> {
  await connection.query("DELETE FROM leases WHERE kind = 'centre' AND holder = $1", [managerId]);
  await notify(connection.query, connection.storeId, { kind: 'ownership' });
}

/** Inside a transaction. Throws WizError aborted when the term of this epoch is over. */
export async function checkCentre(query: Query, epoch: number): Promise<void> {
  if ((await read(query, KEEP))?.epoch === epoch) return;
  throw new WizError('aborted', `Term ${epoch} of the centre is over: another manager does its work now.`);
}
