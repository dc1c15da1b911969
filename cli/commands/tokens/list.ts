import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { AccessService, type Token, TokenSchema } from '../../../proto/gen/wiz/v1/access_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { type Column, table } from '../../render/table.ts';
import { dateTime } from '../../render/words.ts';
import { roleWord } from '../../roles.ts';

export default class TokensList extends ManagerCommand {
  static override summary = 'List API tokens, newest first.';
  static override examples = ['<%= config.bin %> tokens list', '<%= config.bin %> tokens list --all --json'];
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Those too that were revoked or have expired.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(TokensList);
    const api = await this.api();
    const { tokens } = await api.client(AccessService).listTokens({ all: flags.all });
    if (flags.json) return printJson(tokens.map((token) => toJson(TokenSchema, token)));
    if (tokens.length === 0) return print('No tokens.');
    print(table(tokens, columns(Date.now()), paintFor(process.stdout)).join('\n'));
  }
}

function columns(nowMs: number): Column<Token>[] {
  return [
    { title: 'TOKEN', text: ({ tokenId }) => tokenId },
    { title: 'NAME', text: ({ name }) => name },
    { title: 'ROLE', text: ({ role }) => roleWord(role) },
    { title: 'STATE', text: (token) => stateOf(token, nowMs) },
    { title: 'CREATED', text: ({ createdUnixMs }) => dateTime(createdUnixMs) },
    { title: 'BY', text: ({ createdBy }) => createdBy },
    { title: 'EXPIRES', text: ({ expiresUnixMs }) => dateTime(expiresUnixMs) || 'never' },
    { title: 'LAST USED', text: ({ lastUsedUnixMs }) => dateTime(lastUsedUnixMs) || 'never' },
    { title: 'SCOPES', text: ({ scopes }) => scopes.join(' ') || 'all' },
  ];
}

function stateOf({ revokedUnixMs, expiresUnixMs }: Token, nowMs: number): string {
  if (revokedUnixMs > 0) return 'revoked';
  return expiresUnixMs > 0 && expiresUnixMs <= nowMs ? 'expired' : 'valid';
}
