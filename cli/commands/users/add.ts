import { toJson } from '@bufbuild/protobuf';
import { AccessService, UserSchema } from '../../../proto/gen/wiz/v1/access_pb.js';
import { userArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { askNewPassword } from '../../login/new-password.ts';
import { print, printJson } from '../../output.ts';
import { roleFlag, roleOf, roleWord } from '../../roles.ts';

export default class UsersAdd extends ManagerCommand {
  static override summary = 'Let somebody sign in with a name and a password.';
  static override description =
    'The password is asked for, or read from standard input when that is no terminal. It has 12 characters at least.';
  static override examples = [
    '<%= config.bin %> users add ada --role operator',
    '<%= config.bin %> users add ada --role operator < password.txt',
  ];
  static override args = { user: userArg };
  static override flags = { role: roleFlag, json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersAdd);
    const password = await askNewPassword(args.user);
    const api = await this.api();
    const { user } = await api
      .client(AccessService)
      .createUser({ name: args.user, password, role: roleOf(flags.role) });
    if (flags.json) printJson(toJson(UserSchema, user!));
    else print(`User ${user!.name} added, ${roleWord(user!.role)}.`);
  }
}
