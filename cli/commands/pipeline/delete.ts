import { pipelineArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { count } from '../../render/words.ts';

export default class PipelineDelete extends ManagerCommand {
  static override summary = 'Delete an applied pipeline with all its versions.';
  static override description = 'Its runs stay.';
  static override examples = ['<%= config.bin %> pipeline delete dependency-audit'];
  static override args = { pipeline: pipelineArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PipelineDelete);
    const api = await this.api();
    const { versions } = await api.pipelines.deletePipeline({ name: args.pipeline });
    if (flags.json) printJson({ name: args.pipeline, versions });
    else print(`${args.pipeline} deleted, ${count(versions, 'version')}.`);
  }
}
