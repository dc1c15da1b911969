import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { RunSchema } from '../../../proto/gen/wiz/v1/runs_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { limitFlag, upTo } from '../../pages.ts';
import { paintFor } from '../../render/paint.ts';
import { runColumns } from '../../render/runs.ts';
import { table } from '../../render/table.ts';

const STATES = { running: RunState.RUNNING, failed: RunState.FAILED, succeeded: RunState.SUCCEEDED };

export default class RunsList extends ManagerCommand {
  static override summary = 'List runs, newest first.';
  static override examples = [
    '<%= config.bin %> runs list',
    '<%= config.bin %> runs list --state failed --pipeline dependency-audit',
    '<%= config.bin %> runs list --limit 500 --json',
  ];
  static override flags = {
    pipeline: Flags.string({ description: 'Runs of this pipeline only.', helpValue: 'NAME' }),
    state: Flags.option({
      options: ['running', 'failed', 'succeeded'] as const,
      multiple: true,
      multipleNonGreedy: true,
    })({ description: 'Runs in this state only; may be given more than once.' }),
    limit: limitFlag('runs'),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(RunsList);
    const api = await this.api();
    const states = flags.state?.map((state) => STATES[state]) ?? [];
    const filter = { pipeline: flags.pipeline ?? '', states };
    const runs = await upTo(
      flags.limit,
      (page) => api.runs.listRuns({ ...filter, ...page }),
      (page) => page.runs,
    );
    if (flags.json) return printJson(runs.map((run) => toJson(RunSchema, run)));
    if (runs.length === 0) return print('No runs.');
    const paint = paintFor(process.stdout);
    print(table(runs, runColumns(paint, Date.now()), paint).join('\n'));
  }
}
