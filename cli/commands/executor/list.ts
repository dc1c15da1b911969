import { toJson } from '@bufbuild/protobuf';
import { type Executor, ExecutorSchema } from '../../../proto/gen/wiz/v1/managers_pb.js';
import { jsonFlag, WizCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { type Column, table } from '../../render/table.ts';
import { duration } from '../../render/words.ts';

export default class ExecutorList extends WizCommand {
  static override summary = 'List the executors of this state folder.';
  static override description =
    'A local executor is started when a command needs one and stays warm for a short while, so that the next command finds it.';
  static override examples = ['<%= config.bin %> executor list', '<%= config.bin %> executor list --json'];
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(ExecutorList);
    const api = await this.api();
    const { executors } = await api.manager.listExecutors({});
    if (flags.json) return printJson(executors.map((executor) => toJson(ExecutorSchema, executor)));
    if (executors.length === 0) return print('No executors. One is started when a command needs it.');
    print(table(executors, columns(Date.now()), paintFor(process.stdout)).join('\n'));
  }
}

function columns(nowMs: number): Column<Executor>[] {
  return [
    { title: 'EXECUTOR', text: ({ executorId }) => executorId },
    { title: 'KIND', text: ({ launcher }) => launcher },
    { title: 'STATE', text: ({ reachable }) => (reachable ? 'up' : 'does not answer') },
    { title: 'PID', text: ({ pid }) => (pid > 0 ? String(pid) : ''), right: true },
    { title: 'SLOTS', text: ({ slots }) => String(slots), right: true },
    { title: 'UP', text: ({ startedUnixMs }) => duration(nowMs - startedUnixMs), right: true },
    { title: 'ADDRESS', text: ({ address }) => address },
  ];
}
