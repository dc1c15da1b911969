/** docs/cli.md, written from what oclif knows of the commands. */
import type { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';

export function commandReference(config: Config): string {
  const commands = config.commands
    .filter(({ hidden }) => !hidden)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((command) => section(command));
  return `${INTRODUCTION}\n${commands.join('\n')}`;
}

const INTRODUCTION = `# The command line

<!-- Written by \`npm run docs\` from the commands themselves. Change them, not this file. -->

\`wiz --help\`, \`wiz COMMAND --help\` and \`wiz --version\` work everywhere. A run is named by its id, by a beginning of
it that fits no other run, or by \`latest\`.

## Exit codes

| code | meaning |
|---|---|
| 0 | It succeeded. |
| 1 | The run failed, or was cancelled. |
| 2 | Usage: an unknown command or flag, a bad file, a name that is not there. |
| 3 | Cannot reach, not allowed, disk full, or a fault of wiz itself. |
| 10 | \`wiz run --plan\`: something would run, or may. |
| 130 | A second Ctrl-C: the run was left to a background manager. |
| 143, 129 | SIGTERM, or a closed terminal: the run was left to a background manager, not cancelled. |

\`wiz exec\` exits as its program does; see there. When the reader of the output goes away (\`| head\`), commands that
print data end quietly with 0, \`wiz run\` goes on in silence to the end of the run, and \`wiz exec\` ends its program.

## Which manager

Commands talk to the manager that is bundled with them, on the state folder of this user, or to a daemon that a team shares
(\`wiz manager serve\`, see [daemon.md](daemon.md)). Every command that talks to a manager takes

- \`--context NAME\`: the context to use. Of \`wiz run\` a word without \`=\`, for there it gives context of the run too.
- \`--manager URL\`: a daemon by its URL, or the name of a context; \`bundled\` is the bundled manager.

Without them \`WIZ_MANAGER\` counts (a URL or a name; \`WIZ_TOKEN\` is the token for it), then the context that \`wiz login\` or
\`wiz context use\` chose, then the bundled manager. \`wiz context show\` tells which it is, and why.

While a daemon does not answer, what only reads is tried again for a while, and said so on standard error; streams go on where
they were, without a gap and without repeats. A run is started once, however often the start had to be asked for. The folder of
a pipeline file that is not on the daemon's machine does not count there: its programs run in staging folders, and relative
paths in it are refused.

## Output

Data goes to standard output, everything else to standard error. In a pipe, or with \`NO_COLOR\` set, there are no
colours. With \`--json\` data is JSON: one document, or for runs that are watched one object a line for each event. An
error is then one object on standard error:

\`\`\`json
{"error":{"code":"invalid_argument","message":"…","hint":"…","diagnostics":[{"file":"audit.yaml","line":3,"column":5,"message":"…","hint":"…"}]}}
\`\`\`

\`code\` is one of usage, invalid_argument, not_found, already_exists, failed_precondition, permission_denied,
unauthenticated, resource_exhausted, unavailable, aborted, internal. Without \`--json\` errors are lines of the form
\`file:line:column: message\`, with what to do on the line below. \`WIZ_DEBUG=1\` adds where in wiz it happened.

## Environment

| variable | meaning | default |
|---|---|---|
| \`WIZ_HOME\` | folder of the state: pipelines, runs, logs, executors | \`$XDG_STATE_HOME/wiz\`, \`~/.local/state/wiz\` |
| \`WIZ_FILE_STORE\` | where files are kept: \`folder:/PATH\` or \`s3://BUCKET/PREFIX?endpoint=URL&region=NAME&pathStyle=true\`, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY | \`files\` in the state folder |
| \`WIZ_KEEP_RUNS\` | once a day runs are pruned but for so many newest of each pipeline; see \`wiz runs prune\` | all are kept |
| \`WIZ_KEEP_DAYS\` | the same but for those that ended in so many days; with both a run goes that is outside of both | all are kept |
| \`WIZ_SLOTS\` | programs at once on a local executor | two for each core, at least 4 |
| \`WIZ_MAX_RUNNING\` | processors at once over all runs of the state folder | no limit |
| \`WIZ_WARM\` | seconds that a local executor without work stays for the next command | 30 |
| \`WIZ_ORPHAN\` | seconds that an executor with work goes on without a manager | 300 |
| \`WIZ_EXECUTOR_TOKEN\` | token for \`--executor\` and for \`wiz executor\` | |
| \`WIZ_PARENT_CONTEXT\` | context of the run whose program starts wiz, a JSON object; executors set it, and a run that is started inherits it | |
| \`WIZ_MANAGER\` | the daemon to talk to: its URL, or the name of a context | the chosen context |
| \`WIZ_TOKEN\` | token for that daemon | what \`wiz login\` kept |
| \`WIZ_INSECURE\` | 1: clear text (http://) may leave this machine | |
| \`WIZ_CONFIG\` | configuration file of \`wiz manager serve\`; its other variables are in [configuration.md](configuration.md) | |
| \`WIZ_DEBUG\` | 1: show where errors happened | |
| \`NO_COLOR\` | no colours | |
`;

function section(command: Command.Loadable): string {
  const parts = [
    `## wiz ${command.id.replaceAll(':', ' ')}`,
    command.summary ?? '',
    `\`\`\`\nwiz ${usage(command)}\n\`\`\``,
    prose(command.description ?? ''),
    Object.values(command.args).map(argumentRow).join('\n'),
    Object.values(command.flags)
      .filter(({ hidden, helpGroup }) => !hidden && helpGroup !== 'GLOBAL')
      .map(flagRow)
      .join('\n'),
    examples(command),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

/** Indented lines are to be read as they are. */
function prose(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => (line.startsWith('  ') ? `  ${line}` : line.replaceAll('<', '&lt;')));
  return lines.join('\n');
}

function usage(command: Command.Loadable): string {
  if (typeof command.usage === 'string') return command.usage;
  const args = Object.values(command.args).map(({ name, required, multiple }) => {
    const word = name.toUpperCase() + (multiple ? '...' : '');
    return required ? word : `[${word}]`;
  });
  const flags = Object.keys(command.flags).length > 0 ? ['[FLAGS]'] : [];
  return [...command.id.split(':'), ...args, ...flags].join(' ');
}

function argumentRow({ name, description, options }: Command.Arg.Cached): string {
  return `- \`${name.toUpperCase()}\`: ${description ?? ''}${options ? ` (${options.join(', ')})` : ''}`;
}

function flagRow(flag: Command.Flag.Cached): string {
  const { name, char, description } = flag;
  const value = flag.type === 'option' ? ` ${flag.options?.join('|') ?? flag.helpValue ?? 'VALUE'}` : '';
  const short = char ? `\`-${char}\`, ` : '';
  const preset = flag.type === 'option' && flag.default !== undefined ? ` Default: \`${flag.default}\`.` : '';
  const often = flag.type === 'option' && flag.multiple ? ' May be given more than once.' : '';
  return `- ${short}\`--${name}${value}\`: ${description ?? ''}${often}${preset}`;
}

function examples({ examples = [] }: Command.Loadable): string {
  if (examples.length === 0) return '';
  const lines = examples.map((example) => String(example).replaceAll('<%= config.bin %>', 'wiz'));
  return `\`\`\`sh\n${lines.join('\n')}\n\`\`\``;
}
