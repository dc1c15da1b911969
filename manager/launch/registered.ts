import { describeExecutor } from '../dispatch/calls.ts';
import { dialOf } from '../dispatch/dial.ts';
import type { ExecutorRow, Store } from '../store/store.ts';
import { catalogueJson } from './catalogue.ts';
import { processOf } from './elsewhere.ts';

/** Executors that were added to the store by address: every manager of the store uses them. */

export type RegistryStore = Pick<Store, 'replaceExecutor' | 'putCatalogue' | 'getCatalogue'>;

/** Under what the processors of an executor are stored. */
export function catalogueKey(executorId: string): string {
  return `executor ${executorId}`;
}

/** Asks who answers at the address. Another process than before takes the registration over: its row is returned, and
 *  undefined when the registration is no more. Rejects with WizError when nobody answers. */
export async function meetRegistered(
  store: RegistryStore,
  row: ExecutorRow,
): Promise<ExecutorRow | undefined> {
  const answer = await describeExecutor(dialOf(row));
  if (answer.executorId === row.executorId) return row;
  const process = processOf(answer);
  await store.putCatalogue(catalogueKey(process.executorId), catalogueJson(answer.processors));
  if (!(await store.replaceExecutor(row.executorId, process))) return undefined;
  return { ...row, ...process };
}
