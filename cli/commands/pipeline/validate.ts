import { filesArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { pipelineJson } from '../../render/pipelines.ts';
import { count } from '../../render/words.ts';
import { readSource } from '../../source.ts';

export default class PipelineValidate extends ManagerCommand {
  static override summary = 'Check pipeline files and store nothing.';
  static override description =
    'Tells every error with its place. With --json the checked pipelines are printed, every default filled in.';
  static override examples = [
    '<%= config.bin %> pipeline validate audit.yaml',
    '<%= config.bin %> pipeline validate audit.yaml --json | jq .[0].spec',
  ];
  static override args = { file: filesArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PipelineValidate);
    const opening = this.api();
    const files = await Promise.all(args.file.map(readSource));
    const { pipelines } = await (await opening).pipelines.validatePipelines({ files });
    if (flags.json) return printJson(pipelines.map(pipelineJson));
    for (const { name, processorCount } of pipelines)
      print(`${name}: ${count(processorCount, 'processor')}, valid`);
  }
}
