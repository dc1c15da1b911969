import * as Flags from '@oclif/core/flags';
import { fileOrNameArg } from '../arguments.ts';
import { attend } from '../attend.ts';
import { executorFlags, executorFrom, jsonFlag, WizCommand } from '../command.ts';
import { print, printJson } from '../output.ts';
import { pairs } from '../pairs.ts';
import { modeFor } from '../show.ts';
import { fileHint, looksLikeFile, readSource } from '../source.ts';
import { UsageError } from '../usage.ts';

export default class Run extends WizCommand {
  static override summary = 'Run a pipeline file or an applied pipeline, and watch it to its end.';
  static override description = `\
On a terminal the run is shown as a live tree, in a pipe as plain lines, with --json as one JSON object a line.

The first Ctrl-C cancels the run and waits for its end (exit 1). The second leaves it to a background manager and ends at once (exit 130). A closed terminal or SIGTERM leaves the run going under a background manager.

Exit codes: 0 the run succeeded, 1 it failed or was cancelled, 2 usage or a bad file, 3 cannot reach or not allowed.`;
  static override examples = [
    '<%= config.bin %> run audit.yaml',
    '<%= config.bin %> run audit.yaml -p root=packages -p depth=2',
    '<%= config.bin %> run dependency-audit --detach',
    '<%= config.bin %> run - --json < audit.yaml',
  ];
  static override args = { target: fileOrNameArg };
  static override flags = {
    param: Flags.string({
      char: 'p',
      description: 'Value of a parameter.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'key=value',
    }),
    context: Flags.string({
      description: 'Value of the context; programs see it as environment.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'KEY=value',
    }),
    label: Flags.string({
      char: 'l',
      description: 'Label of the run.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'key=value',
    }),
    name: Flags.string({ description: 'Which pipeline of a file that holds several.', helpValue: 'NAME' }),
    'pipeline-version': Flags.integer({
      description: 'Version of an applied pipeline; by default the newest.',
      min: 1,
      helpValue: 'N',
    }),
    watch: Flags.boolean({
      description: 'Watch the run to its end: what happens without --detach.',
      exclusive: ['detach'],
    }),
    detach: Flags.boolean({ char: 'd', description: 'Leave the run to a background manager; print its id.' }),
    ...executorFlags,
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Run);
    const executor = await executorFrom(flags);
    const input = {
      params: pairs('--param', flags.param),
      context: pairs('--context', flags.context),
      labels: pairs('--label', flags.label),
    };
    // The executor starts while the file is read.
    const opening = this.api({ needsExecutor: !flags.detach, executor });
    const isFile = looksLikeFile(args.target);
    const target = isFile
      ? { case: 'file' as const, value: await readSource(args.target) }
      : { case: 'pipeline' as const, value: args.target };
    const api = await opening;
    const starting = api.runs
      .startRun({
        target,
        ...input,
        name: flags.name ?? '',
        version: flags['pipeline-version'] ?? 0,
        detach: flags.detach,
      })
      .then(({ run }) => run!)
      .catch((error) => {
        const hint = isFile ? '' : fileHint(args.target);
        throw hint ? new UsageError(error.rawMessage ?? error.message, hint) : error;
      });
    if (!flags.detach) {
      process.exitCode = await attend(api, { starting, mode: modeFor(flags.json) });
      return;
    }
    const { runId } = await starting;
    if (flags.json) printJson({ run: runId });
    else print(runId);
  }
}
