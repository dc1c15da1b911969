import { and, eq, or, type SQL, type SQLWrapper } from 'drizzle-orm';
import type { ExecutorRow } from './executor-store.ts';

/** The columns that executors are found by, of whichever store. */
type Columns = Record<'executorId' | 'launcher' | 'name' | 'address', SQLWrapper>;

export function registeredCondition(executors: Columns, executorId: string): SQL | undefined {
  return and(eq(executors.executorId, executorId), eq(executors.launcher, 'registered'));
}

/** Those that one that registers would be mixed up with. */
export function alikeCondition(executors: Columns, executor: ExecutorRow): SQL | undefined {
  const { executorId, name, address } = executor;
  return or(
    eq(executors.executorId, executorId),
    and(eq(executors.launcher, 'registered'), or(eq(executors.name, name), eq(executors.address, address))),
  );
}

/** Of those alike: one that was only remote gives way. */
export function inTheWayOf(alike: ExecutorRow[]): ExecutorRow | undefined {
  return alike.find(({ launcher }) => launcher !== 'remote');
}
