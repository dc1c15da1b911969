import { createLog, jsonLine, LOG_LEVELS, type Log, type LogLevel, plainLine } from '../../proto/log.ts';

/** The log of an executor that somebody started by hand, on standard error: JSON lines, and plain ones where that is a
 *  terminal. It has a line now and then, so each is written as it comes. WIZ_LOG_LEVEL is the least level, info by default. */
export function executorLog(environment: NodeJS.ProcessEnv, { isTerminal }: { isTerminal: boolean }): Log {
  const given = environment.WIZ_LOG_LEVEL as LogLevel;
  const line = isTerminal ? plainLine : jsonLine;
  return createLog(LOG_LEVELS.includes(given) ? given : 'info', (...what) => {
    process.stderr.write(line(...what));
  });
}
