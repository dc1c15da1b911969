import * as Args from '@oclif/core/args';
import { WizCommand } from '../command.ts';
import { type Credential, changeContexts, ownContext, readContexts } from '../contexts/file.ts';
import { note } from '../output.ts';
import { UsageError } from '../usage.ts';

export default class Logout extends WizCommand {
  static override summary = 'Forget the credential of a context.';
  static override description =
    'The context stays: `wiz login NAME` signs in again, `wiz context remove` forgets it whole. An OIDC provider is told that the refresh token ends. API tokens stay valid until they are revoked.';
  static override examples = ['<%= config.bin %> logout', '<%= config.bin %> logout production'];
  static override args = {
    context: Args.string({
      description: 'Name of the context; by default the chosen one.',
      ignoreStdin: true,
    }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Logout);
    const { current, contexts } = readContexts(process.env);
    const name = args.context ?? current;
    const context = name === undefined ? undefined : ownContext(contexts, name);
    if (name === undefined || context === undefined) {
      throw new UsageError(
        name === undefined ? 'no context is chosen' : `there is no context "${name}"`,
        '`wiz context list` shows what there is.',
      );
    }
    if (context.credential === undefined) return note(`Nobody was signed in to ${context.url}.`);
    await changeContexts(process.env, (now) => {
      const { credential: _, ...rest } = ownContext(now.contexts, name) ?? context;
      return { ...now, contexts: { ...now.contexts, [name]: rest } };
    });
    await revoke(context.credential);
    note(`Signed out of ${context.url}.`);
  }
}

/** It is forgotten here in any case. */
async function revoke(credential: Credential): Promise<void> {
  if (credential.kind !== 'oidc' || credential.refreshToken === '') return;
  const { askProvider } = await import('../login/provider.ts');
  try {
    const { provider, client } = await askProvider(credential);
    if (provider.serverMetadata().revocation_endpoint === undefined) return;
    await client.tokenRevocation(provider, credential.refreshToken);
  } catch (error) {
    note(`wiz: The provider was not told: ${(error as Error).message}`);
  }
}
