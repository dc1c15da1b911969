/** A value that is here, or comes later. What is here is used at once: a promise for each of 100,000 instances, and the
 *  turn of the event loop that it costs, would be most of their preparation. */
export type Late<T> = T | Promise<T>;

export function onceKnown<T, R>(value: Late<T>, next: (value: T) => Late<R>): Late<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The same promise; that it fails is no news when nobody gets to wait for it, because something else failed first. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
