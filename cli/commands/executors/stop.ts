import { toJson } from '@bufbuild/protobuf';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StopExecutorsResponseSchema } from '../../../proto/gen/wiz/v1/managers_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { note, print, printJson } from '../../output.ts';
import { UNREACHABLE } from '../../usage.ts';

export default class ExecutorsStop extends ManagerCommand {
  static override summary = 'End executors on this machine that have nothing to do.';
  static override description =
    'One that works is left alone and named, with exit code 3; --force ends its programs too.';
  static override examples = ['<%= config.bin %> executors stop', '<%= config.bin %> executors stop --force'];
  static override args = {
    executor: Args.string({
      description: 'Id of an executor; by default all local ones.',
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    force: Flags.boolean({ description: 'End running programs too.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ExecutorsStop);
    const api = await this.api();
    const request = { executorIds: args.executor ?? [], force: flags.force };
    const response = await api.manager.stopExecutors(request);
    const { stopped, busy } = response;
    if (flags.json) printJson(toJson(StopExecutorsResponseSchema, response));
    else if (stopped.length > 0) print(stopped.map((id) => `${id} ended`).join('\n'));
    else if (busy.length === 0) print('No executor was there to end.');
    if (busy.length === 0) return;
    if (!flags.json)
      for (const id of busy) note(`${id} works and was left alone; --force ends it with its programs.`);
    process.exitCode = UNREACHABLE;
  }
}
