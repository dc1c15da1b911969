import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { extname, join } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { WizCommand } from '../../command.ts';
import { milliseconds } from '../../milliseconds.ts';
import { UsageError } from '../../usage.ts';

export default class Executor extends WizCommand {
  static override summary = 'Serve as an executor for managers elsewhere, until stopped.';
  static override description = `\
Executors on this machine need no such command: wiz starts them by itself. This one serves daemons that know it by \`wiz executors add ADDRESS\`, and \`wiz run --executor ADDRESS\`.

Managers show a token: --token-file, or WIZ_EXECUTOR_TOKEN. A network address that others can reach needs TLS, or --insecure when something in front of it has TLS. Once it serves, one JSON line on standard output gives executorId, address, pid and slots.

Files go to managers and come from them by themselves. An executor that uses the file store of its managers (--files) moves none; another one has a store of its own in --home, which is cleared up as it goes and ends with it.

SIGTERM or Ctrl-C drains it: it takes nothing new, hands back what has not begun, and ends when the rest is finished and handed over. What is not finished after --drain-timeout is ended with its grace and tried again elsewhere; that is not counted as a failure of the program. The second one ends what runs now, the third one the executor at once.`;
  static override examples = [
    'WIZ_EXECUTOR_TOKEN=secret <%= config.bin %> executor --listen unix:/run/wiz/socket',
    '<%= config.bin %> executor --listen 0.0.0.0:7000 --token-file token --tls cert.pem,key.pem --slots 16',
  ];
  static override flags = {
    listen: Flags.string({
      description:
        'unix:/path or host:port (port 0 is any free one); by default a socket in the state folder.',
      helpValue: 'ADDRESS',
    }),
    'token-file': Flags.string({ description: 'File with the token.', helpValue: 'FILE' }),
    slots: Flags.integer({
      description: 'Programs at once; by default twice the cores, at least 4.',
      min: 1,
      helpValue: 'N',
    }),
    id: Flags.string({ description: 'Its name; by default drawn at random.', helpValue: 'ID' }),
    home: Flags.string({ description: 'Folder of this executor alone.', helpValue: 'FOLDER' }),
    files: Flags.string({
      description:
        'File store, folder:/absolute/path or s3://BUCKET/PREFIX?endpoint=URL; by default a folder in --home.',
      helpValue: 'ADDRESS',
    }),
    staging: Flags.string({
      description: 'Folder in which runs work, and where what they are to keep stays; by default in --home.',
      helpValue: 'DIR',
    }),
    warm: Flags.string({
      description: 'End after this time without managers and work; 0 is never.',
      default: '0',
      helpValue: 'TIME',
    }),
    orphan: Flags.string({
      description: 'End its work after this time without a manager; 0 is never.',
      default: '5m',
      helpValue: 'TIME',
    }),
    'drain-timeout': Flags.string({
      description: 'How long SIGTERM lets its work go on; keep it below what comes before SIGKILL.',
      default: '20s',
      helpValue: 'TIME',
    }),
    tls: Flags.string({
      description: 'Certificate and its key, PEM: the same as --tls-cert and --tls-key.',
      helpValue: 'CERT,KEY',
      exclusive: ['tls-cert', 'tls-key'],
    }),
    'tls-cert': Flags.string({ description: 'Certificate, PEM.', helpValue: 'FILE' }),
    'tls-key': Flags.string({ description: 'Its key, PEM.', helpValue: 'FILE' }),
    'tls-client-ca': Flags.string({
      description: 'Managers must show a certificate of this authority, PEM.',
      helpValue: 'FILE',
    }),
    insecure: Flags.boolean({ description: 'Allow a network address without TLS.' }),
  };

  async run(): Promise<void> {
    const {
      flags: { tls, ...flags },
    } = await this.parse(Executor);
    const times = {
      warm: milliseconds('--warm', flags.warm),
      orphan: milliseconds('--orphan', flags.orphan),
      'drain-timeout': milliseconds('--drain-timeout', flags['drain-timeout']),
    };
    const given = { ...flags, ...times, ...(tls !== undefined && pairOf(tls)) };
    const argv = Object.entries(given).flatMap(([name, value]) =>
      value === true ? [`--${name}`] : [`--${name}`, String(value)],
    );
    const main = join(this.config.root, 'executor', `main${extname(import.meta.filename)}`);
    process.exitCode = await serve([...process.execArgv, main, ...argv]);
  }
}

/** Throws UsageError for what is no pair. */
function pairOf(tls: string): { 'tls-cert': string; 'tls-key': string } {
  const [certificate, key, ...more] = tls.split(',');
  if (!certificate || !key || more.length > 0) {
    throw new UsageError(`--tls ${tls} is no pair of files`, 'Write --tls cert.pem,key.pem.');
  }
  return { 'tls-cert': certificate, 'tls-key': key };
}

/** A process of its own, for the command line may not hold the executor. Returns its exit code. */
function serve(argv: string[]): Promise<number> {
  const child = spawn(process.execPath, argv, { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; passed on as well it would count as the second one.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}
