import { apply } from '../../apply.ts';
import { filesArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';

export default class PipelineDiff extends ManagerCommand {
  static override summary = 'Show what `wiz pipeline apply` would change.';
  static override examples = ['<%= config.bin %> pipeline diff audit.yaml'];
  static override args = { file: filesArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PipelineDiff);
    await apply(this.api(), { files: args.file, dryRun: true, json: flags.json });
  }
}
