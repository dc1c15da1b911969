import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { DrainExecutorResponseSchema } from '../../../proto/gen/wiz/v1/managers_pb.js';
import { executorArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { note, print, printJson } from '../../output.ts';

export default class ExecutorsDrain extends ManagerCommand {
  static override summary = 'Let an executor finish what it has, and give it nothing new.';
  static override description = `\
What waits for a slot there is handed back and starts elsewhere. When the rest has ended and managers have its reports, logs and files, the executor ends with exit code 0. A registered one stays listed as drained, and is given nothing when it is started again, until it is removed or drained no more (--undo).`;
  static override examples = [
    '<%= config.bin %> executors drain gpu-1',
    '<%= config.bin %> executors drain gpu-1 --undo',
  ];
  static override args = { executor: executorArg };
  static override flags = {
    undo: Flags.boolean({ description: 'Give it work again.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ExecutorsDrain);
    const api = await this.api();
    const response = await api.manager.drainExecutor({ executor: args.executor, undo: flags.undo });
    if (flags.json) return printJson(toJson(DrainExecutorResponseSchema, response));
    const { name, executorId, running } = response.executor!;
    const who = name || executorId;
    if (flags.undo) print(`${who} is given work again`);
    else print(running > 0 ? `${who} drains: it finishes ${running} attempts` : `${who} has drained`);
    if (response.message !== '') note(`It could not be told: ${response.message}`);
  }
}
