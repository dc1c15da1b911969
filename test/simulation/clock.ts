/** Virtual time: callbacks in a heap, by time and then by the order in which they were set. */
export interface Clock {
  now(): number;
  /** Calls after `ms` of virtual time; returns how to call it off. */
  after(ms: number, call: () => void): () => void;
  /** Calls everything until nothing is left. Promises that a call resolves are followed before the next one.
   *  Throws after `limit` calls: the world does not come to rest. */
  run(limit: number): Promise<void>;
  /** Makes `run` throw this. */
  fail(error: unknown): void;
}

interface Alarm {
  at: number;
  order: number;
  call: (() => void) | undefined;
}

export function createClock(startMs: number): Clock {
  const heap: Alarm[] = [];
  let now = startMs;
  let order = 0;
  let failure: { error: unknown } | undefined;

  const before = (a: Alarm, b: Alarm) => a.at < b.at || (a.at === b.at && a.order < b.order);

  function push(alarm: Alarm): void {
    let i = heap.push(alarm) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(alarm, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = alarm;
  }

  function pop(): Alarm {
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }

  return {
    now: () => now,
    after(ms, call) {
      const alarm: Alarm = { at: now + ms, order: order++, call };
      push(alarm);
      return () => {
        alarm.call = undefined;
      };
    },
    async run(limit) {
      for (let calls = 0; heap.length > 0; ) {
        const { at, call } = pop();
        if (call === undefined) continue;
        if (++calls > limit) throw new Error(`the world is not at rest after ${limit} steps`);
        now = at;
        call();
        // All microtasks run before an immediate does.
        await new Promise(setImmediate);
        if (failure !== undefined) throw failure.error;
      }
    },
    fail(error) {
      failure ??= { error };
    },
  };
}
