import * as Flags from '@oclif/core/flags';
import { fileOrNameArg } from '../arguments.ts';
import { attend } from '../attend.ts';
import { readParamSets } from '../batch/param-sets.ts';
import { runEach } from '../batch/run-each.ts';
import { executorFlags, executorFrom, jsonFlag, ManagerCommand } from '../command.ts';
import { print, printJson } from '../output.ts';
import { pairs } from '../pairs.ts';
import { parentContext } from '../parent-context.ts';
import { planRun } from '../plan.ts';
import { modeFor } from '../show.ts';
import { fileHint, looksLikeFile, readSource } from '../source.ts';
import { UsageError } from '../usage.ts';

/** Runs of a batch at once: enough to keep executors busy, and few enough to follow. */
const AT_ONCE = 16;

export default class Run extends ManagerCommand {
  static override summary = 'Run a pipeline file or an applied pipeline, and watch it to its end.';
  static override description = `\
On a terminal the run is shown as a live tree, in a pipe as plain lines, with --json as one JSON object a line.

The first Ctrl-C cancels the run and waits for its end (exit 1). The second leaves it to a background manager and ends at once (exit 130). A closed terminal or SIGTERM leaves the run going under a background manager. A run of a daemon is left to the daemon. When the connection to it breaks, the command goes on where it was as soon as the daemon answers.

With --plan nothing is run; what a run would do is told: run, cached, skipped, or open (it depends on what a processor before it gives), and how long it takes by earlier runs. Exit codes: 0 nothing would run, 10 something would or may, 2 usage or a bad file.

With --each one run is started for each object of a file: JSON lines or one JSON array; - is standard input. Each object holds params and wins over --param. Everything is checked before the first run. One line is printed for each run, in the order of the file, as soon as those before it are; with --json it is {"index","run","state","reason","params","outputs"}, index from 0, outputs by name those of the processors that no other needs. Ctrl-C cancels the runs that go on and starts no more.

Exit codes: 0 the run succeeded (with --each: all of them), 1 it failed or was cancelled, 2 usage or a bad file, 3 cannot reach or not allowed.`;
  static override examples = [
    '<%= config.bin %> run audit.yaml',
    '<%= config.bin %> run audit.yaml -p root=packages -p depth=2',
    '<%= config.bin %> run dependency-audit --detach',
    '<%= config.bin %> run audit.yaml --plan',
    '<%= config.bin %> run audit.yaml --each params.jsonl --width 4 --json',
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
      description:
        'Value of the context of the run; programs see it as environment. A NAME without = is the context of wiz to use.',
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
    plan: Flags.boolean({
      description: 'Run nothing; tell what would run, what is cached, and how long it takes.',
      exclusive: ['detach', 'watch', 'each'],
    }),
    'no-cache': Flags.boolean({ description: 'Take nothing from the cache; what is made is kept there.' }),
    each: Flags.string({
      description:
        'Start a run for each object of this file, JSON lines or a JSON array; - is standard input.',
      helpValue: 'FILE',
      exclusive: ['detach', 'watch'],
    }),
    width: Flags.integer({
      description: `With --each: most runs at once; ${AT_ONCE} by default.`,
      dependsOn: ['each'],
      min: 1,
      helpValue: 'N',
    }),
    ...executorFlags,
    json: jsonFlag,
  };

  /** Of the words after --context the one without =. */
  protected override contextOf(words: unknown): string | undefined {
    const names = ((words as string[] | undefined) ?? []).filter((word) => !word.includes('='));
    if (names.length > 1) throw new UsageError(`--context names two managers: ${names.join(', ')}`);
    return names[0];
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Run);
    const executor = await executorFrom(flags);
    const input = {
      params: pairs('--param', flags.param),
      context: pairs('--context', contextPairs(flags.context)),
      labels: pairs('--label', flags.label),
      noCache: flags['no-cache'],
      parentContext: parentContext(process.env),
    };
    if (flags.each === '-' && args.target === '-') {
      throw new UsageError('the pipeline and --each cannot both be standard input');
    }
    // Before anything is opened: a bad line starts nothing.
    const paramSets = flags.each === undefined ? undefined : await readParamSets(flags.each);
    // The executor starts while the file is read.
    const opening = this.api({ needsExecutor: !flags.detach && !flags.plan, executor });
    const isFile = looksLikeFile(args.target);
    const target = isFile
      ? { case: 'file' as const, value: await readSource(args.target) }
      : { case: 'pipeline' as const, value: args.target };
    const api = await opening;
    const request = {
      target,
      ...input,
      name: flags.name ?? '',
      version: flags['pipeline-version'] ?? 0,
      detach: flags.detach,
    };
    const hinted = (error: { rawMessage?: string; message: string }): never => {
      const hint = isFile ? '' : fileHint(args.target);
      throw hint ? new UsageError(error.rawMessage ?? error.message, hint) : error;
    };
    if (flags.plan) {
      process.exitCode = await planRun(api, request, { json: flags.json }).catch(hinted);
      return;
    }
    if (paramSets) {
      const options = { request, paramSets, width: flags.width ?? AT_ONCE, json: flags.json };
      process.exitCode = await runEach(api, options).catch(hinted);
      return;
    }
    const starting = api.runs
      .startRun(request)
      .then(({ run }) => run!)
      .catch(hinted);
    if (!flags.detach) {
      process.exitCode = await attend(api, { starting, mode: modeFor(flags.json) });
      return;
    }
    const { runId } = await starting;
    if (flags.json) printJson({ run: runId });
    else print(runId);
  }
}

function contextPairs(words: string[] | undefined): string[] | undefined {
  return words?.filter((word) => word.includes('='));
}
