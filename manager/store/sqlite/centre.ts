import { checkTerm, KEPT_TERMS, standing, termOf } from '../centre.ts';
import type { CentreTerm } from '../ownership-store.ts';
import type { Connection } from './connection.ts';

/** The centre, see ../centre.ts. */

const CENTRE = `SELECT holder, leases.epoch AS epoch, started_ms FROM leases JOIN terms ON terms.epoch = leases.epoch
  WHERE kind = 'centre' AND key = ''`;
const BEGIN = 'INSERT INTO terms (manager_id, started_ms) VALUES (?, ?) RETURNING epoch';
const TAKE = `INSERT INTO leases (kind, key, holder, epoch) VALUES ('centre', '', ?, ?)
  ON CONFLICT (kind, key) WHERE kind <> 'limit' DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch`;
export function getCentre(connection: Connection): CentreTerm | undefined {
  return connection.read(() => termOf(connection.statement(CENTRE).get()));
}

export async function claimCentre(
  connection: Connection,
  managerId: string,
  living: string[],
  nowMs: number,
): Promise<{ epoch: number } | undefined> {
  // Asked at each heartbeat and mostly in vain: look before taking the lock.
  const seen = standing(getCentre(connection), managerId, living);
  if (!seen.isFree) return seen.own;
  return connection.write(() => {
    const { own, isFree } = standing(getCentre(connection), managerId, living);
    if (!isFree) return own;
    const epoch = Number(connection.statement(BEGIN).get(managerId, nowMs)?.epoch);
    connection.statement('DELETE FROM terms WHERE epoch <= ?').run(epoch - KEPT_TERMS);
    connection.statement(TAKE).run(managerId, epoch);
    return { epoch };
  });
}

export function releaseCentre(connection: Connection, managerId: string): Promise<void> {
  return connection.write(() => {
    connection.statement("DELETE FROM leases WHERE kind = 'centre' AND holder = ?").run(managerId);
  });
}

/** Inside a transaction. Throws WizError aborted when the term of this epoch is over. */
export function checkCentre(connection: Connection, epoch: number): void {
  checkTerm(getCentre(connection), epoch);
}
