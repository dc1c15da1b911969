import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { RemoveExecutorResponseSchema } from '../../../proto/gen/wiz/v1/managers_pb.js';
import { executorArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';

export default class ExecutorsRemove extends ManagerCommand {
  static override summary = 'Forget a registered executor.';
  static override description =
    'One that works, or that nobody can ask, is left; with --force it is removed all the same, and what it runs is ended and tried again elsewhere. Its process is not ended: drain it first for that.';
  static override examples = [
    '<%= config.bin %> executors remove gpu-1',
    '<%= config.bin %> executors remove gpu-1 --force',
  ];
  static override args = { executor: executorArg };
  static override flags = {
    force: Flags.boolean({ description: 'Also when it works, or does not answer.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ExecutorsRemove);
    const api = await this.api();
    const removed = await api.manager.removeExecutor({ executor: args.executor, force: flags.force });
    if (flags.json) return printJson(toJson(RemoveExecutorResponseSchema, removed));
    print(`${removed.name} removed`);
  }
}
