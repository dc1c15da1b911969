import { apply } from '../../apply.ts';
import { filesArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';

export default class PipelineApply extends ManagerCommand {
  static override summary = 'Check pipeline files and store what changed.';
  static override description =
    'Prints the difference by processor. A pipeline that did not change keeps its version. If anything in any file is wrong, nothing is stored and every error is told with its place.';
  static override examples = [
    '<%= config.bin %> pipeline apply audit.yaml',
    '<%= config.bin %> pipeline apply pipelines/*.yaml',
  ];
  static override args = { file: filesArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PipelineApply);
    await apply(this.api(), { files: args.file, dryRun: false, json: flags.json });
  }
}
