import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import {
  type GetRunResponse,
  GetRunResponseSchema,
  type Processor,
} from '../../../proto/gen/wiz/v1/runs_pb.js';
import { runArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { nearest } from '../../nearest.ts';
import { print, printJson } from '../../output.ts';
import { instanceName } from '../../render/instances.ts';
import { keptWords } from '../../render/outputs.ts';
import { type Paint, paintFor } from '../../render/paint.ts';
import { pipelineOf, processorColumns, runPaint, runStateOf } from '../../render/runs.ts';
import { table } from '../../render/table.ts';
import { count, dateTime, duration } from '../../render/words.ts';
import { UsageError } from '../../usage.ts';

/** Failed instances that are shown without being asked for, of each processor. */
const FAILED_SHOWN = 5;

export default class RunsGet extends ManagerCommand {
  static override summary = 'Show a run and its processors.';
  static override description = `\
Of a processor with \`each\` or \`matrix\` the number of its instances in each state, and the first that failed; with --instances all of them, or one: 'parse[3]'. Where there is a cache, what it decided and why.

With --json also attempts, what they used, and outputs.`;
  static override examples = [
    '<%= config.bin %> runs get latest',
    '<%= config.bin %> runs get latest --instances parse',
    '<%= config.bin %> runs get 2yxAbc --json | jq .processors[].output',
  ];
  static override args = { run: runArg };
  static override flags = {
    summary: Flags.boolean({ description: 'Leave the processors out.', exclusive: ['instances'] }),
    instances: Flags.string({
      description: 'List the instances of this processor instead.',
      helpValue: 'PROCESSOR',
    }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsGet);
    const api = await this.api();
    const instancesOf = flags.instances ?? '';
    const response = await api.runs.getRun({ runId: args.run, summary: flags.summary, instancesOf });
    if (instancesOf) response.processors = chosenInstances(response, instancesOf);
    if (flags.json) return printJson(toJson(GetRunResponseSchema, response));
    const paint = paintFor(process.stdout);
    const tableOf = (processors: Processor[]) =>
      print(table(processors, processorColumns(processors, paint, Date.now()), paint).join('\n'));
    if (instancesOf) return tableOf(response.processors);
    print(summaryLines(response, paint).join('\n'));
    if (response.processors.length === 0) return;
    print('');
    tableOf(response.processors);
    for (const { name, instances } of response.processors) {
      const failed = instances?.failed ?? [];
      if (failed.length === 0) continue;
      const all = `wiz runs get ${response.run!.runId} --instances ${name}`;
      print(
        `\n${count(instances?.counts?.failed ?? failed.length, 'instance')} of ${name} failed. All: ${all}`,
      );
      tableOf(failed.slice(0, FAILED_SHOWN));
    }
  }
}

/** All instances of `parse`, or the one that is `parse[3]`. */
function chosenInstances({ run, processors }: GetRunResponse, name: string): Processor[] {
  const wanted = instanceName(name);
  const owner = wanted?.processor ?? name;
  const found = processors.filter((one) =>
    wanted ? one.name === name : instanceName(one.name)?.processor === owner,
  );
  if (found.length > 0) return found;
  const processor = processors.find((one) => one.name === owner);
  if (!processor) {
    const near = nearest(
      owner,
      processors.map((one) => one.name).filter((one) => !instanceName(one)),
    );
    throw new UsageError(`run ${run!.runId} has no processor ${owner}`, near ? `Did you mean ${near}?` : '');
  }
  const what = wanted && processor.instances ? `no instance ${wanted.index}` : 'no instances';
  const hint = 'A processor with `each` or `matrix` has some once its list is known.';
  throw new UsageError(
    `processor ${owner} of run ${run!.runId} has ${what}`,
    processor.instances ? '' : hint,
  );
}

function summaryLines({ run: maybe, outputs }: GetRunResponse, paint: Paint): string[] {
  const run = maybe!;
  const labels = Object.entries(run.labels).map(([key, value]) => `${key}=${value}`);
  const rows: [string, string][] = [
    ['Run', run.runId],
    ['Pipeline', pipelineOf(run)],
    ['State', runPaint(run.state, paint)(runStateOf(run))],
    ['Reason', run.reason === 'succeeded' ? '' : run.reason],
    ['Message', run.message],
    ['Started', dateTime(run.createdUnixMs)],
    ['Ended', dateTime(run.endedUnixMs)],
    ['Took', duration((run.endedUnixMs || Date.now()) - run.createdUnixMs)],
    ['Parameters', run.paramsJson === '{}' ? '' : run.paramsJson],
    ['Labels', labels.join(', ')],
    ['Kept', outputs ? keptWords(outputs).join(', ') : ''],
    ...run.warnings.map((text): [string, string] => ['Warning', paint.yellow(text)]),
  ];
  return rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${paint.dim(name.padEnd(10))}  ${value}`);
}
