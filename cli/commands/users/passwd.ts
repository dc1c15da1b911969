import { AccessService } from '../../../proto/gen/wiz/v1/access_pb.js';
import { userArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { askNewPassword } from '../../login/new-password.ts';
import { print, printJson } from '../../output.ts';

export default class UsersPasswd extends ManagerCommand {
  static override summary = 'Give a user another password.';
  static override description =
    'It is asked for, or read from standard input when that is no terminal. The old one opens nothing from then on.';
  static override examples = [
    '<%= config.bin %> users passwd ada',
    '<%= config.bin %> users passwd ada < password.txt',
  ];
  static override args = { user: userArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersPasswd);
    const password = await askNewPassword(args.user);
    const api = await this.api();
    await api.client(AccessService).setPassword({ name: args.user, password });
    if (flags.json) printJson({ name: args.user });
    else print(`User ${args.user} has another password.`);
  }
}
