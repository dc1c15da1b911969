/** What an error of a database says. Drizzle's own message repeats the statement and its parameters; the sentence is in the
 *  cause. */
export function lastReason(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  // Of several addresses of a host that were tried, all said the same.
  if (at instanceof AggregateError && at.errors[0] instanceof Error) at = at.errors[0];
  return at instanceof Error ? at.message.replace(/\.$/, '') : String(at);
}
