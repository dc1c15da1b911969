import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { GetRunResponseSchema, type Run } from '../../../proto/gen/wiz/v1/runs_pb.js';
import { runArg } from '../../arguments.ts';
import { jsonFlag, WizCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { type Paint, paintFor } from '../../render/paint.ts';
import { pipelineOf, processorColumns, runPaint, runStateOf } from '../../render/runs.ts';
import { table } from '../../render/table.ts';
import { dateTime, duration } from '../../render/words.ts';

export default class RunsGet extends WizCommand {
  static override summary = 'Show a run and its processors.';
  static override description = 'With --json also attempts, what they used, and outputs.';
  static override examples = [
    '<%= config.bin %> runs get latest',
    '<%= config.bin %> runs get 2yxAbc --json | jq .processors[].output',
  ];
  static override args = { run: runArg };
  static override flags = {
    summary: Flags.boolean({ description: 'Leave the processors out.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsGet);
    const api = await this.api();
    const response = await api.runs.getRun({ runId: args.run, summary: flags.summary });
    if (flags.json) return printJson(toJson(GetRunResponseSchema, response));
    const paint = paintFor(process.stdout);
    print(summaryLines(response.run!, paint).join('\n'));
    if (response.processors.length === 0) return;
    print('');
    print(table(response.processors, processorColumns(paint, Date.now()), paint).join('\n'));
  }
}

function summaryLines(run: Run, paint: Paint): string[] {
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
    ...run.warnings.map((text): [string, string] => ['Warning', paint.yellow(text)]),
  ];
  return rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${paint.dim(name.padEnd(10))}  ${value}`);
}
