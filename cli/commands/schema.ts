import { WizCommand } from '../command.ts';
import { print } from '../output.ts';

export default class Schema extends WizCommand {
  static override summary = 'Print the JSON Schema of the pipeline file.';
  static override description = `\
Editors check and complete pipeline files with it. For the YAML language server (VS Code, Neovim and others), write it beside the files and begin each with:

  # yaml-language-server: $schema=wiz.schema.json`;
  static override examples = ['<%= config.bin %> schema > wiz.schema.json'];

  async run(): Promise<void> {
    await this.parse(Schema);
    const { pipelineJsonSchema } = await import('../../manager/index.ts');
    print(JSON.stringify(await pipelineJsonSchema(), null, 2));
  }
}
