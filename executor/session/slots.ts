/**
 * Places for work, given out in the order of asking. `start` is called as soon as there is a place; whoever
 * was started calls `leave` once when it ended.
 */
export interface Slots<T> {
  enter(item: T): void;
  /** Takes a waiting item out of the line. False: it was not waiting. */
  withdraw(item: T): boolean;
  leave(): void;
  /** How many wait. */
  readonly waiting: number;
}

export function createSlots<T>(places: number, start: (item: T) => void): Slots<T> {
  // A set keeps the order of insertion and lets a cancelled item leave the line at once.
  const waiting = new Set<T>();
  let free = places;
  let pumping = false;

  // Work that ends while it is being started would otherwise recurse through leave.
  function pump(): void {
    if (pumping) return;
    pumping = true;
    for (const item of waiting) {
      if (free === 0) break;
      waiting.delete(item);
      free--;
      start(item);
    }
    pumping = false;
  }

  return {
    get waiting() {
      return waiting.size;
    },
    enter(item) {
      if (free > 0 && waiting.size === 0) {
        free--;
        start(item);
        return;
      }
      waiting.add(item);
    },
    withdraw: (item) => waiting.delete(item),
    leave() {
      free++;
      if (waiting.size > 0) pump();
    },
  };
}
