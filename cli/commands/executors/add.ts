import { readFile } from 'node:fs/promises';
import { toJson } from '@bufbuild/protobuf';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ExecutorSchema } from '../../../proto/gen/wiz/v1/managers_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { print, printJson } from '../../output.ts';
import { pairs } from '../../pairs.ts';
import { UsageError } from '../../usage.ts';

export default class ExecutorsAdd extends ManagerCommand {
  static override summary = 'Register an executor that runs elsewhere, for every manager of the store.';
  static override description = `\
It is called first: one that does not answer, refuses the token, or shows a certificate that is not trusted is not registered. Start it with \`wiz executor --listen ADDRESS\`.

Its token is the one it was started with: --token-file, WIZ_EXECUTOR_TOKEN, or --token, which other users of this machine can see while the command runs. It is kept in the store and never shown again.

An executor on another machine needs TLS: --tls when its certificate is of a well-known authority, --tls-ca FILE when it is of your own. --insecure sends the token in the clear.`;
  static override examples = [
    'WIZ_EXECUTOR_TOKEN=secret <%= config.bin %> executors add gpu-1.example:7000 --tls-ca ca.pem --label gpu=a100',
    '<%= config.bin %> executors add unix:/run/wiz/socket --token-file token --name beside',
  ];
  static override args = {
    address: Args.string({
      description: 'host:port or unix:/path, as managers reach it.',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    token: Flags.string({ description: 'Its token.', helpValue: 'TOKEN', exclusive: ['token-file'] }),
    'token-file': Flags.file({ description: 'File with its token.', helpValue: 'FILE', exists: true }),
    tls: Flags.boolean({ description: 'It has TLS, with a certificate of a well-known authority.' }),
    'tls-ca': Flags.file({
      description: 'It has TLS, with a certificate of this authority, PEM.',
      helpValue: 'FILE',
      exists: true,
    }),
    'tls-name': Flags.string({
      description: 'Name that its certificate has, when that is not the host of the address.',
      helpValue: 'NAME',
    }),
    'tls-cert': Flags.file({
      description: 'Certificate that managers show it, PEM.',
      helpValue: 'FILE',
      dependsOn: ['tls-key'],
      exists: true,
    }),
    'tls-key': Flags.file({
      description: 'Key of that certificate, PEM.',
      helpValue: 'FILE',
      dependsOn: ['tls-cert'],
      exists: true,
    }),
    insecure: Flags.boolean({
      description: 'Send the token in the clear.',
      exclusive: ['tls', 'tls-ca', 'tls-name', 'tls-cert'],
    }),
    label: Flags.string({ description: 'Label of it; repeatable.', multiple: true, helpValue: 'KEY=VALUE' }),
    name: Flags.string({ description: 'Its name; by default made of the address.', helpValue: 'NAME' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ExecutorsAdd);
    const pem = async (file: string | undefined) => (file === undefined ? '' : readFile(file, 'utf8'));
    const hasTls =
      flags.tls || [flags['tls-ca'], flags['tls-name'], flags['tls-cert']].some((it) => it !== undefined);
    const tls = {
      authority: await pem(flags['tls-ca']),
      serverName: flags['tls-name'] ?? '',
      certificate: await pem(flags['tls-cert']),
      key: await pem(flags['tls-key']),
    };
    const token = (
      flags.token ??
      ((await pem(flags['token-file'])) || process.env.WIZ_EXECUTOR_TOKEN) ??
      ''
    ).trim();
    if (!token) {
      throw new UsageError(
        `the executor at ${args.address} wants a token`,
        'Set WIZ_EXECUTOR_TOKEN, or name a file with --token-file.',
      );
    }
    const api = await this.api();
    const { executor } = await api.manager.addExecutor({
      address: args.address,
      token,
      name: flags.name ?? '',
      labels: pairs('--label', flags.label),
      insecure: flags.insecure,
      ...(hasTls && { tls }),
    });
    if (flags.json) return printJson(toJson(ExecutorSchema, executor!));
    const { name, executorId, slots, version } = executor!;
    print(`${name} registered: executor ${executorId}, ${slots} slots, wiz ${version}`);
  }
}
