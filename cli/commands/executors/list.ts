import { toJson } from '@bufbuild/protobuf';
import { type Executor, ExecutorSchema } from '../../../proto/gen/wiz/v1/managers_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { note, print, printJson } from '../../output.ts';
import { executorColumns } from '../../render/executors.ts';
import { paintFor } from '../../render/paint.ts';
import { table } from '../../render/table.ts';

export default class ExecutorsList extends ManagerCommand {
  static override summary = 'List the executors that managers use.';
  static override description = `\
A local executor is started when a command needs one and stays warm for a short while, so that the next command finds it. A registered one was added with \`wiz executors add\`.

States: joined (in session, given work), up (it answers), unhealthy (it does not answer as it should, and is given nothing), draining (it finishes what it has), drained. Load is the share of the machine's processors that is busy.`;
  static override examples = ['<%= config.bin %> executors list', '<%= config.bin %> executors list --json'];
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(ExecutorsList);
    const api = await this.api();
    const { executors } = await api.manager.listExecutors({});
    if (flags.json) return printJson(executors.map((executor) => toJson(ExecutorSchema, executor)));
    if (executors.length === 0) return print('No executors. One is started when a command needs it.');
    print(table(executors, executorColumns(Date.now()), paintFor(process.stdout)).join('\n'));
    for (const { name, executorId, message } of executors.filter(isTroubled)) {
      note(`${name || executorId}: ${message}`);
    }
  }
}

function isTroubled({ message }: Executor): boolean {
  return message !== '';
}
