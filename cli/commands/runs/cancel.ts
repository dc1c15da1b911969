import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { RunSchema } from '../../../proto/gen/wiz/v1/runs_pb.js';
import { runArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';

export default class RunsCancel extends ManagerCommand {
  static override summary = 'Ask a run to cancel.';
  static override description =
    'Returns as soon as the wish is kept; `wiz runs watch` shows the end. What runs gets SIGTERM, and SIGKILL after its grace; what waits stays Idle.';
  static override examples = [
    '<%= config.bin %> runs cancel latest',
    '<%= config.bin %> runs cancel 2yxAbc --message "wrong input"',
  ];
  static override args = { run: runArg };
  static override flags = {
    message: Flags.string({ char: 'm', description: 'Why; kept with the run.', helpValue: 'TEXT' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsCancel);
    const api = await this.api();
    const { run } = await api.runs.cancelRun({ runId: args.run, message: flags.message ?? '' });
    if (flags.json) printJson(toJson(RunSchema, run!));
    else print(`Cancelling ${run!.runId} of ${run!.pipeline}.`);
  }
}
