/** Work that several ask for is done once, and given up when nobody waits for it any more. */
export type SharedWork<R> = (
  key: string,
  signal: AbortSignal,
  work: (ending: AbortSignal) => Promise<R>,
) => Promise<R>;

export function createSharedWork<R>(): SharedWork<R> {
  const underWay = new Map<string, { result: Promise<R>; waiting: number; ending: AbortController }>();

  return async (key, signal, work) => {
    signal.throwIfAborted();
    let one = underWay.get(key);
    if (one === undefined) {
      const ending = new AbortController();
      one = { result: work(ending.signal), waiting: 0, ending };
      underWay.set(key, one);
    }
    const mine = one;
    mine.waiting += 1;
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([mine.result, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
      mine.waiting -= 1;
      // Settled, or nobody is left: who comes next begins anew.
      if (underWay.get(key) === mine && mine.waiting === 0) underWay.delete(key);
      if (mine.waiting === 0) {
        mine.result.catch(() => {});
        mine.ending.abort(new Error('nobody waits for it any more'));
      }
    }
  };
}
