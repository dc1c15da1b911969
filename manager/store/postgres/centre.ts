import { checkTerm, KEPT_TERMS, standing, termOf } from '../centre.ts';
import type { CentreTerm } from '../ownership-store.ts';
import { notify } from './changes.ts';
import type { Connection, Query } from './connection.ts';

/** The centre, see ../centre.ts. */

const CENTRE = `SELECT leases.holder, leases.epoch, started_ms FROM leases JOIN terms ON terms.epoch = leases.epoch
  WHERE kind = 'centre' AND key = ''`;
/** The term does not end before the transaction does. */
const KEEP = `${CENTRE} FOR SHARE OF leases`;
const LOCK = 'SELECT pg_advisory_xact_lock(2002874929, 3)';
const BEGIN = 'INSERT INTO terms (manager_id, started_ms) VALUES ($1, $2) RETURNING epoch';
const TAKE = `INSERT INTO leases (kind, key, holder, epoch, run_id, expires_ms) VALUES ('centre', '', $1, $2, '', 0)
  ON CONFLICT (kind, key) WHERE kind <> 'limit' DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch`;
const FORGET = 'DELETE FROM terms WHERE epoch <= $1';
export async function getCentre(connection: Connection): Promise<CentreTerm | undefined> {
  return read(connection.query, CENTRE);
}

async function read(query: Query, text: string): Promise<CentreTerm | undefined> {
  return termOf((await query(text))[0]);
}

export async function claimCentre(
  connection: Connection,
  managerId: string,
  living: string[],
  nowMs: number,
): Promise<{ epoch: number } | undefined> {
  // Asked at each heartbeat and mostly in vain: look before taking the lock.
  const seen = standing(await getCentre(connection), managerId, living);
  if (!seen.isFree) return seen.own;
  return connection.transaction(async (query) => {
    await query(LOCK);
    const { own, isFree } = standing(await read(query, CENTRE), managerId, living);
    if (!isFree) return own;
    const [term] = await query(BEGIN, [managerId, nowMs]);
    const epoch = term!.epoch as number;
    await query(FORGET, [epoch - KEPT_TERMS]);
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
  checkTerm(await read(query, KEEP), epoch);
}
