import { WizError } from '../../../proto/error.ts';
import type { CentreTerm } from '../ownership-store.ts';
import type { Connection } from './connection.ts';

/** The centre: a lease of the kind `centre`, and a row for each term, so that no epoch is given out twice. */

const CENTRE = `SELECT holder, leases.epoch AS epoch, started_ms FROM leases JOIN terms ON terms.epoch = leases.epoch
  WHERE kind = 'centre' AND key = ''`;
const BEGIN = 'INSERT INTO terms (manager_id, started_ms) VALUES (?, ?) RETURNING epoch';
const TAKE = `INSERT INTO leases (kind, key, holder, epoch) VALUES ('centre', '', ?, ?)
  ON CONFLICT (kind, key) WHERE kind <> 'limit' DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch`;
/** Terms that are remembered. */
const KEPT = 1_000;

export function getCentre(connection: Connection): CentreTerm | undefined {
  const row = connection.read(() => connection.statement(CENTRE).get());
  if (row === undefined) return undefined;
  return { managerId: String(row.holder), epoch: Number(row.epoch), startedMs: Number(row.started_ms) };
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
  const seen = getCentre(connection);
  if (isTaken(seen)) return own(seen);
  return connection.write(() => {
    const centre = getCentre(connection);
    if (isTaken(centre)) return own(centre);
    const epoch = Number(connection.statement(BEGIN).get(managerId, nowMs)?.epoch);
    connection.statement('DELETE FROM terms WHERE epoch <= ?').run(epoch - KEPT);
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
  if (getCentre(connection)?.epoch === epoch) return;
  throw new WizError('aborted', `Term ${epoch} of the centre is over: another manager does its work now.`);
}
