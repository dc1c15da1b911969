import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { pipelineColumns, pipelineJson } from '../../render/pipelines.ts';
import { table } from '../../render/table.ts';

export default class PipelineList extends ManagerCommand {
  static override summary = 'List applied pipelines.';
  static override examples = ['<%= config.bin %> pipeline list', '<%= config.bin %> pipeline list --json'];
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(PipelineList);
    const api = await this.api();
    const { pipelines } = await api.pipelines.listPipelines({});
    if (flags.json) return printJson(pipelines.map(pipelineJson));
    if (pipelines.length === 0) return print('No pipelines. `wiz pipeline apply FILE` adds one.');
    print(table(pipelines, pipelineColumns, paintFor(process.stdout)).join('\n'));
  }
}
