import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openApi } from '../api.ts';
import { WizCommand } from '../command.ts';
import { BUNDLED, LOCAL } from '../contexts/choose.ts';
import { type Context, changeContexts, ownContext, readContexts } from '../contexts/file.ts';
import { isUrl, managerUrl, refuseClearText } from '../contexts/url.ts';
import { identityWords, signIn } from '../login/sign-in.ts';
import { note, print } from '../output.ts';
import { contentOf } from '../source.ts';
import { UsageError } from '../usage.ts';

export default class Login extends WizCommand {
  static override summary = 'Sign in to a daemon; commands then talk to it.';
  static override description = `\
The daemon says how one may sign in. With OIDC a code is shown to enter in a browser, on this machine or another; wiz waits, and later renews what it got by itself. A token, which \`wiz tokens create\` makes, is read from --token-file, from standard input, or asked for. A user name and a password are asked for with --user.

What came of it is kept for this user alone in $XDG_CONFIG_HOME/wiz/contexts.json (~/.config/wiz), under a name. Nothing is kept when the daemon does not accept it. WIZ_MANAGER and WIZ_TOKEN do the same for one shell, and keep nothing.`;
  static override examples = [
    '<%= config.bin %> login https://wiz.example.com',
    '<%= config.bin %> login https://wiz.example.com:7433 --ca ca.pem --name production',
    '<%= config.bin %> login production --token-file token',
    '<%= config.bin %> login http://localhost:7433 --user ada',
  ];
  static override args = {
    manager: Args.string({
      description: 'URL of the daemon, or the name of a context to sign in to again.',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    name: Flags.string({ description: 'Name of the context; by default the host.', helpValue: 'NAME' }),
    'token-file': Flags.string({
      description: 'Sign in with the token in this file; - is standard input.',
      helpValue: 'FILE',
      exclusive: ['user'],
    }),
    token: Flags.boolean({
      description: 'Sign in with a token, and ask for it.',
      exclusive: ['user', 'token-file'],
    }),
    user: Flags.string({
      description: 'Sign in with this user name, and ask for the password.',
      helpValue: 'NAME',
    }),
    ca: Flags.string({
      description:
        'PEM file with the authority of its certificate, when that is none of the known ones; it is kept.',
      helpValue: 'FILE',
    }),
    insecure: Flags.boolean({ description: 'Let clear text (http://) leave this machine.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Login);
    const { name, context } = await this.target(args.manager, flags);
    refuseClearText(context.url, context.insecure ?? false);
    const place = { kind: 'remote' as const, name: '', url: context.url, ca: context.ca, from: 'login' };
    const open = (credential: Context['credential']) =>
      openApi({ place: { ...place, credential }, impatient: true });
    const { credential, identity } = await signIn(open, flags);
    await changeContexts(process.env, ({ contexts }) => ({
      current: name,
      contexts: { ...contexts, [name]: { ...context, ...(credential && { credential }) } },
    }));
    note(`Signed in to ${context.url} ${identityWords(identity)}. Commands talk to it: context "${name}".`);
    print(name);
  }

  /** The context to make, or to sign in to again. */
  private async target(
    word: string,
    flags: { name?: string | undefined; ca?: string | undefined; insecure: boolean },
  ): Promise<{ name: string; context: Context }> {
    const { contexts } = readContexts(process.env);
    const old = isUrl(word) ? undefined : ownContext(contexts, word);
    const { credential: _, ...known } = old ?? { url: managerUrl(word, 'wiz login') };
    const name = flags.name ?? (old ? word : new URL(known.url).hostname.replaceAll(/[[\]]/g, ''));
    if (!/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(name) || name === BUNDLED || name === LOCAL) {
      throw new UsageError(`"${name}" cannot be the name of a context`, '--name NAME gives it another.');
    }
    const ca = flags.ca === undefined ? {} : { ca: (await contentOf(flags.ca)).toString('utf8') };
    return { name, context: { ...known, ...ca, ...(flags.insecure && { insecure: true }) } };
  }
}
