/** Context of the run whose program started this wiz; executors put it into WIZ_PARENT_CONTEXT, a JSON object of texts.
 *  Anything else there is not ours and counts as none. */
export function parentContext(environment: NodeJS.ProcessEnv): Record<string, string> {
  const text = environment.WIZ_PARENT_CONTEXT;
  if (!text) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const entries = Object.entries(value);
  return entries.every(([, one]) => typeof one === 'string') ? Object.fromEntries(entries) : {};
}
