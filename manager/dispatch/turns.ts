/** Runs what it is given, at most so many at a time, in the order of asking. */
export type Turns = <R>(work: () => Promise<R>) => Promise<R>;

export function createTurns(width: number): Turns {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    // Who is woken takes over the place of who woke it.
    if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
