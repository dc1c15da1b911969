import { WizError } from '../../proto/error.ts';
import type { CentreTerm } from './ownership-store.ts';

/** The centre: a lease of the kind `centre`, and a row for each term, so that no epoch is given out twice. What is the same
 *  in every store. */

/** Terms that are remembered. */
export const KEPT_TERMS = 1_000;

export function termOf(row: Record<string, unknown> | undefined): CentreTerm | undefined {
  if (row === undefined) return undefined;
  return { managerId: String(row.holder), epoch: Number(row.epoch), startedMs: Number(row.started_ms) };
}

/** What the centre is for a manager that would take it: its own already, free, or neither. */
export function standing(
  centre: CentreTerm | undefined,
  managerId: string,
  living: string[],
): { own: { epoch: number } | undefined; isFree: boolean } {
  const own = centre?.managerId === managerId ? { epoch: centre.epoch } : undefined;
  const isFree = own === undefined && !(centre !== undefined && living.includes(centre.managerId));
  return { own, isFree };
}

/** Throws WizError aborted when the term of this epoch is over. */
export function checkTerm(centre: CentreTerm | undefined, epoch: number): void {
  if (centre?.epoch === epoch) return;
  throw new WizError('aborted', `Term ${epoch} of the centre is over: another manager does its work now.`);
}
