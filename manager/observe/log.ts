import { createLog, type Log, type LogLevel, plainLine, silentLog } from '../../proto/log.ts';

export type { Log, LogFields } from '../../proto/log.ts';

/** A daemon's log, and its end. */
export interface DaemonLog {
  readonly log: Log;
  /** Resolves when what was logged has been written. */
  close(): Promise<void>;
}

/** Bytes that wait for whoever reads standard error; what is over that is lost, as the manager must not stand still for
 *  it. About 50,000 lines. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024;

/** The log of a daemon, on standard error: JSON lines, and plain ones where that is a terminal. */
export async function openDaemonLog(level: LogLevel, fd = 2, isTerminal = !!process.stderr.isTTY) {
  const { default: pino } = await import('pino');
  // With no least length at all its flush() does not wait for what is being written.
  const destination = pino.destination({
    dest: fd,
    sync: false,
    minLength: 1,
    maxLength: MOST_WAITING_BYTES,
  });
  destination.on('error', () => {});
  if (isTerminal) {
    const log = createLog(level, (...line) => void destination.write(plainLine(...line)));
    return { log, close: () => flushed(destination) } satisfies DaemonLog;
  }
  const lines = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (name) => ({ level: name }) },
    },
    destination,
  );
  const log = createLog(level, (at, message, fields) => lines[at](fields, message));
  return { log, close: () => flushed(destination) } satisfies DaemonLog;
}

/** A reader that is slow, or gone, is not waited for longer. */
const FLUSH_MS = 1000;

function flushed(destination: { flush(done: (error?: Error) => void): void }): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, FLUSH_MS);
    destination.flush(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** The log of a manager that is bundled with a command: nothing, or with WIZ_DEBUG all of it on standard error. */
export function bundledLog(environment: NodeJS.ProcessEnv): Log {
  if (!environment.WIZ_DEBUG) return silentLog;
  return createLog('debug', (...line) => void process.stderr.write(`wiz: ${plainLine(...line)}`));
}
