import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { AccessService, CreateTokenResponseSchema } from '../../../proto/gen/wiz/v1/access_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { milliseconds } from '../../milliseconds.ts';
import { note, print, printJson } from '../../output.ts';
import { dateTime } from '../../render/words.ts';
import { roleFlag, roleOf } from '../../roles.ts';

export default class TokensCreate extends ManagerCommand {
  static override summary = 'Make an API token, and print it.';
  static override description = `\
The token is shown this once: only a hash of it is kept. Programs send it as \`Authorization: Bearer TOKEN\`, wiz takes it from WIZ_TOKEN or \`wiz login --token\`.

A scope is a method of the API, such as RunService/StartRun, or a whole service: RunService/*. With scopes the token is good for these only.`;
  static override examples = [
    '<%= config.bin %> tokens create --name ci --role operator --expires 90d',
    "<%= config.bin %> tokens create --name starter --role operator --scope RunService/StartRun --scope 'FileService/*'",
  ];
  static override flags = {
    name: Flags.string({
      description: 'What it is for: lists and the audit name it.',
      required: true,
      helpValue: 'NAME',
    }),
    role: roleFlag,
    scope: Flags.string({
      description: 'A method that it is good for; may be given more than once.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'SERVICE/METHOD',
    }),
    expires: Flags.string({
      description: 'How long it is good for, for example 30d or 12h; by default until it is revoked.',
      helpValue: 'TIME',
    }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(TokensCreate);
    const expiresUnixMs =
      flags.expires === undefined ? 0 : Date.now() + milliseconds('--expires', flags.expires);
    const api = await this.api();
    const created = await api.client(AccessService).createToken({
      name: flags.name,
      role: roleOf(flags.role),
      scopes: flags.scope ?? [],
      expiresUnixMs,
    });
    if (flags.json) return printJson(toJson(CreateTokenResponseSchema, created));
    print(created.secret);
    const end = expiresUnixMs === 0 ? 'until it is revoked' : `until ${dateTime(expiresUnixMs)}`;
    note(`Token ${flags.name}, good ${end}. Keep it: it is not shown again.`);
  }
}
