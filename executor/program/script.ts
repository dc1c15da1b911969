/**
 * A script of a pipeline file as a command.
 *
 *   bash     bash -eo pipefail: ends at the first command that fails, also within a pipe
 *   sh       sh -e
 *   python   python3, else python; -u, so that its lines are seen when they are printed
 *   node     the Node.js that runs wiz; CommonJS or ES modules, whichever the text is
 */
export interface ScriptCommand {
  /** Names to look up in PATH, the first that exists is taken. */
  programs: string[];
  /** Without argv[0]. */
  args: string[];
}

/** Linux takes 128 KiB in one argument; longer scripts go through a file. Bytes. */
export const SCRIPT_ARGUMENT_LIMIT = 100 * 1024;

/** `file`: where the text was written when it is too long for an argument. */
export function scriptCommand(
  shell: string,
  text: string,
  file: string | undefined,
): ScriptCommand | undefined {
  switch (shell) {
    case 'bash':
      return { programs: ['bash'], args: ['-eo', 'pipefail', ...(file ? [file] : ['-c', '--', text])] };
    case 'sh':
      return { programs: ['sh', '/bin/sh'], args: ['-e', ...(file ? [file] : ['-c', '--', text])] };
    case 'python':
      return {
        programs: ['python3', 'python'],
        args: ['-u', ...(file ? ['-c', RUN_FILE, file] : ['-c', text])],
      };
    case 'node':
      return { programs: [process.execPath], args: file ? [file] : [`--eval=${text}`] };
    default:
      return undefined;
  }
}

/** Keeps sys.path as it is with -c: modules are found in the workdir. */
const RUN_FILE =
  'import sys; __file__ = sys.argv.pop(1); exec(compile(open(__file__, encoding="utf-8").read(), __file__, "exec"))';
