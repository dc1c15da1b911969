import { contextArg } from '../../arguments.ts';
import { WizCommand } from '../../command.ts';
import { changeContexts, ownContext } from '../../contexts/file.ts';
import { nearest } from '../../nearest.ts';
import { note } from '../../output.ts';
import { UsageError } from '../../usage.ts';

export default class ContextRemove extends WizCommand {
  static override summary = 'Forget a context and its credential.';
  static override description = 'When it was the chosen one, commands go back to the bundled manager.';
  static override examples = ['<%= config.bin %> context remove staging'];
  static override args = { context: contextArg };

  async run(): Promise<void> {
    const { args } = await this.parse(ContextRemove);
    const { context: name } = args;
    await changeContexts(process.env, ({ current, contexts }) => {
      if (ownContext(contexts, name) === undefined) {
        const close = nearest(name, Object.keys(contexts));
        throw new UsageError(`there is no context "${name}"`, close ? `Did you mean ${close}?` : '');
      }
      const { [name]: _, ...others } = contexts;
      if (current === name) note('wiz: Commands talk to the bundled manager again.');
      return { ...(current !== undefined && current !== name && { current }), contexts: others };
    });
  }
}
