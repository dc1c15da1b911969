import { WizError } from '../../../proto/error.ts';
import type { Table } from './tables.ts';

/** Throws when some tables have rows: what is in a store is not mixed with what is in another one. */
export function checkEmpty(place: string, filled: Table[]): void {
  if (filled.length === 0) return;
  const [first, ...others] = filled.map(({ name }) => `"${name}"`);
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  throw new WizError(
    'failed_precondition',
    `${place} is not empty: its table ${first}${more} has rows. Name a store that nobody has used yet.`,
  );
}
