import type { Interceptor } from '@connectrpc/connect';
import { openSpans } from '../../proto/spans.ts';
import type { Observer } from './observer.ts';

/** What a manager that lives in a command does for traces. */
export interface BundledTracing {
  observer: Observer;
  interceptors: Interceptor[];
  close(): Promise<void>;
}

/** Milliseconds that a command waits at its end for a collector. */
const CLOSE_MS = 2000;

/** Undefined, and nothing loaded, when no collector is named. */
export async function openBundledTracing(
  environment: NodeJS.ProcessEnv,
): Promise<BundledTracing | undefined> {
  const spans = await openSpans({ service: 'wiz-manager', environment, closeMs: CLOSE_MS });
  if (spans === undefined) return undefined;
  const [{ createRunSpans }, { createCallObserver }, { bundledLog }] = await Promise.all([
    import('./run-spans.ts'),
    import('./call-observer.ts'),
    import('./log.ts'),
  ]);
  return {
    observer: createRunSpans(spans),
    interceptors: [createCallObserver({ log: bundledLog(environment), meter: undefined, spans }).interceptor],
    close: spans.close,
  };
}
