import { contextArg } from '../../arguments.ts';
import { WizCommand } from '../../command.ts';
import { BUNDLED, contextNamed } from '../../contexts/choose.ts';
import { changeContexts } from '../../contexts/file.ts';
import { note } from '../../output.ts';

export default class ContextUse extends WizCommand {
  static override summary = 'Choose the manager that commands talk to from now on.';
  static override description = 'For one command: --context, or WIZ_MANAGER.';
  static override examples = [
    '<%= config.bin %> context use production',
    '<%= config.bin %> context use bundled',
  ];
  static override args = { context: contextArg };

  async run(): Promise<void> {
    const { args } = await this.parse(ContextUse);
    const { context: name } = args;
    await changeContexts(process.env, (contexts) => {
      const { current: _, ...others } = contexts;
      if (name === BUNDLED) return others;
      contextNamed(name, contexts, process.env);
      return { ...others, current: name };
    });
    const shadow = process.env.WIZ_MANAGER;
    if (shadow) note(`wiz: WIZ_MANAGER=${shadow} goes before it in this shell.`);
  }
}
