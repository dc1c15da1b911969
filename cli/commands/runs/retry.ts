import * as Flags from '@oclif/core/flags';
import { runArg } from '../../arguments.ts';
import { attend } from '../../attend.ts';
import { executorFlags, executorFrom, jsonFlag, ManagerCommand } from '../../command.ts';
import { note, print, printJson } from '../../output.ts';
import { instanceName } from '../../render/instances.ts';
import { count } from '../../render/words.ts';
import { modeFor } from '../../show.ts';
import { readSource } from '../../source.ts';
import { UsageError } from '../../usage.ts';

export default class RunsRetry extends ManagerCommand {
  static override summary = 'Go on with a run that ended: what failed, or from chosen processors.';
  static override description = `\
The run keeps its id, and what succeeded is not done again. With --from the named processors and everything that depends on them start again, even if they succeeded. Of a processor with \`each\` or \`matrix\` only the instances that did not succeed are done again; named with --from, all of them. With --file the run goes on with an edited file; processors that changed start again.

Exit codes and Ctrl-C are those of \`wiz run\`.`;
  static override examples = [
    '<%= config.bin %> runs retry latest',
    '<%= config.bin %> runs retry latest --from parse --from report',
    '<%= config.bin %> runs retry 2yxAbc --file audit.yaml --detach',
  ];
  static override args = { run: runArg };
  static override flags = {
    from: Flags.string({
      description: 'Start again from this processor; an instance of one cannot be named.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'PROCESSOR',
    }),
    file: Flags.string({
      char: 'f',
      description: 'Go on with this edited pipeline file.',
      helpValue: 'FILE',
    }),
    detach: Flags.boolean({ char: 'd', description: 'Leave the run to a background manager; print its id.' }),
    ...executorFlags,
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsRetry);
    for (const name of flags.from ?? []) refuseInstance(name);
    const executor = await executorFrom(flags);
    const api = await this.api({ needsExecutor: !flags.detach, executor });
    const { run: before } = await api.runs.getRun({ runId: args.run, summary: true });
    const runId = before!.runId;
    const file = flags.file === undefined ? undefined : await readSource(flags.file);
    const starting = api.runs.retryRun({ runId, from: flags.from ?? [], file, detach: flags.detach });
    if (!flags.detach) {
      const said = starting.then(({ processors }) => {
        if (!flags.json) note(`Going on with ${runId}: ${count(processors.length, 'processor')} to do.`);
        return { runId };
      });
      const mode = modeFor(flags.json);
      process.exitCode = await attend(api, { starting: said, mode, afterSeq: before!.seq });
      return;
    }
    const { processors } = await starting;
    if (flags.json) printJson({ run: runId, processors });
    else print(runId);
  }
}

function refuseInstance(name: string): void {
  const instance = instanceName(name);
  if (!instance) return;
  throw new UsageError(
    `--from takes processors, and ${name} is an instance of one`,
    `--from ${instance.processor} starts all of its instances again; without --from those that failed are.`,
  );
}
