import { toJson } from '@bufbuild/protobuf';
import { AccessService, type User, UserSchema } from '../../../proto/gen/wiz/v1/access_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { type Column, table } from '../../render/table.ts';
import { dateTime } from '../../render/words.ts';
import { roleWord } from '../../roles.ts';

export default class UsersList extends ManagerCommand {
  static override summary = 'List who may sign in with a password.';
  static override examples = ['<%= config.bin %> users list', '<%= config.bin %> users list --json'];
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(UsersList);
    const api = await this.api();
    const { users } = await api.client(AccessService).listUsers({});
    if (flags.json) return printJson(users.map((user) => toJson(UserSchema, user)));
    if (users.length === 0) return print('No users.');
    print(table(users, COLUMNS, paintFor(process.stdout)).join('\n'));
  }
}

const COLUMNS: Column<User>[] = [
  { title: 'USER', text: ({ name }) => name },
  { title: 'ROLE', text: ({ role }) => roleWord(role) },
  { title: 'CREATED', text: ({ createdUnixMs }) => dateTime(createdUnixMs) },
  { title: 'BY', text: ({ createdBy }) => createdBy },
  { title: 'PASSWORD SINCE', text: ({ passwordUnixMs }) => dateTime(passwordUnixMs) },
];
