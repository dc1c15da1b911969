import { ProcessorFailure } from './processor.ts';

/** fetch, with errors of the network as a failure with the reason `network` that says what went wrong. */
export async function requestOf(url: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal.aborted) throw error;
    throw networkFailure(url, error);
  }
}

export function networkFailure(url: string, error: unknown): ProcessorFailure {
  // fetch says only "fetch failed"; its cause says why, and that of several addresses has no message.
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined;
  const why = cause?.message || cause?.code || (error as Error).message;
  return new ProcessorFailure('network', `${url} could not be reached: ${why}.`, { cause: error });
}
