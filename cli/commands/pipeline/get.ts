import * as Flags from '@oclif/core/flags';
import { pipelineArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { pipelineColumns, pipelineJson } from '../../render/pipelines.ts';
import { table } from '../../render/table.ts';

export default class PipelineGet extends ManagerCommand {
  static override summary = 'Print an applied pipeline as it was written.';
  static override description =
    'With --json also its checked form, every default filled in, and its versions.';
  static override examples = [
    '<%= config.bin %> pipeline get dependency-audit > audit.yaml',
    '<%= config.bin %> pipeline get dependency-audit --versions',
  ];
  static override args = { pipeline: pipelineArg };
  static override flags = {
    'pipeline-version': Flags.integer({
      description: 'Version; by default the newest.',
      min: 1,
      helpValue: 'N',
    }),
    versions: Flags.boolean({ description: 'List the versions instead.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PipelineGet);
    const api = await this.api();
    const { pipeline, versions } = await api.pipelines.getPipeline({
      name: args.pipeline,
      version: flags['pipeline-version'] ?? 0,
    });
    if (flags.json)
      return printJson({ pipeline: pipelineJson(pipeline!), versions: versions.map(pipelineJson) });
    if (flags.versions) return print(table(versions, pipelineColumns, paintFor(process.stdout)).join('\n'));
    process.stdout.write(pipeline!.source.replace(/\n?$/, '\n'));
  }
}
