import { toJson } from '@bufbuild/protobuf';
import * as Args from '@oclif/core/args';
import { AccessService, RevokeTokenResponseSchema } from '../../../proto/gen/wiz/v1/access_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';

export default class TokensRevoke extends ManagerCommand {
  static override summary = 'Revoke an API token: it opens nothing any more.';
  static override description =
    'The manager that is asked refuses it from now on, others on the same store within a second; streams that it has open end within seconds of their next message.';
  static override examples = ['<%= config.bin %> tokens revoke ci'];
  static override args = {
    token: Args.string({ description: 'Id of a token, or its name.', required: true, ignoreStdin: true }),
  };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TokensRevoke);
    const api = await this.api();
    const revoked = await api.client(AccessService).revokeToken({ token: args.token });
    if (flags.json) return printJson(toJson(RevokeTokenResponseSchema, revoked));
    print(`Token ${revoked.token!.name} (${revoked.token!.tokenId}) revoked.`);
  }
}
