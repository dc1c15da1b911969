import type { AttemptRequest } from './attempt.ts';

/** Linux takes 128 KiB in one variable; a larger context is not handed on. Bytes. */
const LARGEST_BYTES = 120 * 1024;

const known = new WeakMap<Record<string, string>, string | undefined>();

/**
 * WIZ_PARENT_CONTEXT: the run's context as one JSON object, for a `wiz run` that the program starts; undefined when it is
 * empty. Attempts of one assignment message share the context with the environment, so it is read once for all of them.
 */
export function parentContextOf({ environment, assignment }: AttemptRequest): string | undefined {
  if (known.has(environment)) return known.get(environment);
  const context = contextOf(assignment.inputJson);
  known.set(environment, context);
  return context;
}

function contextOf(inputJson: string): string | undefined {
  if (inputJson === '') return undefined;
  const { context = {} } = JSON.parse(inputJson) as { context?: Record<string, string> };
  if (Object.keys(context).length === 0) return undefined;
  const json = JSON.stringify(context);
  return Buffer.byteLength(json) <= LARGEST_BYTES ? json : undefined;
}
