import { hash } from 'node:crypto';

/**
 * Programs run with the environment of whoever started the run. An executor has one environment, so a run is
 * given only an executor whose environment is its caller's. What changes from one terminal and one command to
 * the next, and says nothing about the programs, is left out: it would make each command start an executor.
 */

/** Of one trace: a run has its own. */
const OF_THE_TRACE = new Set(['TRACEPARENT', 'TRACESTATE']);
/** Of the shell that is typing, and of its terminal: programs have neither. */
const OF_THE_SHELL = new Set(
  `_ SHLVL PWD OLDPWD COLUMNS LINES COLORTERM VTE_VERSION WINDOWID TMUX TMUX_PANE STY WINDOW SSH_TTY GPG_TTY
   INIT_CWD NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE NODE_UNIQUE_ID`.split(/\s+/),
);
/** TERM and its family; what npm and npx tell about the script they run and the folder they run it in. */
const OF_THE_COMMAND =
  /^(TERM|TERM_.*|npm_(lifecycle|package)_.*|npm_(execpath|node_execpath|command)|npm_config_(local_prefix|user_agent))$/;

/** The caller's environment as an executor and its programs get it. Nothing of wiz itself is in it (tokens,
 *  the run that the caller is part of), but WIZ_HOME and WIZ_FILE_STORE, where the caller has set them: a program that calls
 *  wiz then reaches the same state. */
export function executorEnvironment(environment: Record<string, string | undefined>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of Object.keys(environment).sort()) {
    const value = environment[name];
    if (value === undefined || OF_THE_SHELL.has(name) || OF_THE_TRACE.has(name) || OF_THE_COMMAND.test(name))
      continue;
    if (name.startsWith('WIZ_') && name !== 'WIZ_HOME' && name !== 'WIZ_FILE_STORE') continue;
    kept[name] = value;
  }
  return kept;
}

/** The same for environments that are the same to programs: 32 hexadecimal digits. */
export function environmentHash(environment: Record<string, string | undefined>): string {
  const entries = Object.entries(executorEnvironment(environment));
  return hash('sha256', JSON.stringify(entries), 'hex').slice(0, 32);
}
