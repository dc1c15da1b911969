import * as Args from '@oclif/core/args';
import { WizCommand } from '../command.ts';

export default class Completion extends WizCommand {
  static override summary = 'Print the completion script of a shell.';
  static override description = `\
It completes commands, flags, files, names of pipelines and processors, and ids of runs.

  bash  echo 'eval "$(wiz completion bash)"' >> ~/.bashrc
  zsh   echo 'source <(wiz completion zsh)' >> ~/.zshrc      (after compinit)
  fish  wiz completion fish > ~/.config/fish/completions/wiz.fish`;
  static override examples = ['<%= config.bin %> completion bash'];
  static override args = {
    shell: Args.string({
      description: 'bash, zsh or fish.',
      required: true,
      options: ['bash', 'zsh', 'fish'],
      ignoreStdin: true,
    }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Completion);
    const { completionModel } = await import('../completion/model.ts');
    const model = completionModel(this.config);
    process.stdout.write(await scriptOf(args.shell, model));
  }
}

async function scriptOf(shell: string, model: import('../completion/model.ts').Model): Promise<string> {
  if (shell === 'bash') return (await import('../completion/bash.ts')).bashScript(model);
  if (shell === 'zsh') return (await import('../completion/zsh.ts')).zshScript(model);
  return (await import('../completion/fish.ts')).fishScript(model);
}
