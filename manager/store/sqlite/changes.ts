import type { Change, ChangeWatch } from '../store.ts';
import type { Connection } from './connection.ts';

/** Milliseconds between looks at what other connections committed. */
const POLL_MS = 50;

/** Looks at SQLite's own counter of commits by other connections: one read of shared memory. What was committed it does
 *  not tell. */
export function watchChanges(connection: Connection, listener: (change: Change) => void): ChangeWatch {
  const look = () => Number(connection.statement('PRAGMA data_version').get()?.data_version);
  let seen = connection.read(look);
  const poll = setInterval(() => {
    let counter: number;
    try {
      counter = look();
    } catch {
      // Whoever reads or writes meets it too, and tells.
      return;
    }
    if (counter === seen) return;
    seen = counter;
    listener({ kind: 'any' });
  }, POLL_MS).unref();

  function close(): void {
    clearInterval(poll);
    connection.closing.delete(close);
  }
  connection.closing.add(close);
  return { close, ref: () => void poll.ref(), unref: () => void poll.unref() };
}
