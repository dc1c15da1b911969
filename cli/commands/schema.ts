import * as Args from '@oclif/core/args';
import { WizCommand } from '../command.ts';
import { print } from '../output.ts';

export default class Schema extends WizCommand {
  static override summary =
    'Print the JSON Schema of the pipeline file, of the manifest of a run, or of wiz.yaml.';
  static override description = `\
Editors check and complete pipeline files with it. For the YAML language server (VS Code, Neovim and others), write it beside the files and begin each with:

  # yaml-language-server: $schema=wiz.schema.json`;
  static override examples = [
    '<%= config.bin %> schema > wiz.schema.json',
    '<%= config.bin %> schema manifest > manifest.schema.json',
    '<%= config.bin %> schema config > wiz-config.schema.json',
  ];
  static override args = {
    of: Args.string({
      description: 'What it is the schema of.',
      options: ['pipeline', 'manifest', 'config'],
      default: 'pipeline',
      ignoreStdin: true,
    }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Schema);
    const door = await import('../../manager/index.ts');
    const schemas = {
      pipeline: door.pipelineJsonSchema,
      manifest: door.manifestJsonSchema,
      config: door.configJsonSchema,
    };
    const schema = await schemas[args.of as keyof typeof schemas]();
    print(JSON.stringify(schema, null, 2));
  }
}
