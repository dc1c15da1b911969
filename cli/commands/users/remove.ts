import { AccessService } from '../../../proto/gen/wiz/v1/access_pb.js';
import { userArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';

export default class UsersRemove extends ManagerCommand {
  static override summary = 'Let a user sign in no more.';
  static override description = 'Tokens that the user made stay: wiz tokens list says who made which.';
  static override examples = ['<%= config.bin %> users remove ada'];
  static override args = { user: userArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersRemove);
    const api = await this.api();
    await api.client(AccessService).deleteUser({ name: args.user });
    if (flags.json) printJson({ name: args.user });
    else print(`User ${args.user} removed.`);
  }
}
