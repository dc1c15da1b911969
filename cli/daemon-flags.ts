import * as Flags from '@oclif/core/flags';
import type { ConfigSources } from '../manager/index.ts';
import { UsageError } from './usage.ts';

/** Flags of whatever reads the configuration of a daemon. Each setting has one, or `--set`. */
export const daemonFlags = {
  config: Flags.string({
    description:
      'Configuration file; by default $WIZ_CONFIG, or the first that is there of $WIZ_HOME/wiz.yaml, ~/.config/wiz/wiz.yaml and /etc/wiz/wiz.yaml.',
    helpValue: 'FILE',
  }),
  listen: Flags.string({
    description: 'Where to listen; port 0 is any free one.',
    helpValue: 'HOST:PORT',
    exclusive: ['port'],
  }),
  port: Flags.integer({
    description: 'Port on loopback; 0 is any free one.',
    min: 0,
    max: 65_535,
    helpValue: 'N',
  }),
  home: Flags.string({ description: 'Folder of what this manager alone keeps.', helpValue: 'FOLDER' }),
  store: Flags.string({ description: 'sqlite:PATH or postgres://….', helpValue: 'ADDRESS' }),
  files: Flags.string({ description: 'File store: folder:PATH or s3://….', helpValue: 'ADDRESS' }),
  'tls-cert': Flags.string({
    description: 'PEM file with the certificate and its chain.',
    helpValue: 'FILE',
  }),
  'tls-key': Flags.string({ description: 'PEM file with its private key.', helpValue: 'FILE' }),
  'tls-client-ca': Flags.string({
    description: 'PEM file; clients must have a certificate of one of its authorities.',
    helpValue: 'FILE',
  }),
  'behind-proxy': Flags.boolean({
    description: 'A proxy in front has TLS: clear text may be served off loopback.',
    allowNo: true,
  }),
  role: Flags.string({
    description: 'What it does: api answers callers, runs owns runs. By default both.',
    multiple: true,
    multipleNonGreedy: true,
    delimiter: ',',
    options: ['api', 'runs'],
  }),
  'local-executors': Flags.boolean({
    description: 'Start executors on this machine, as it does by default.',
    allowNo: true,
  }),
  'log-level': Flags.string({ description: 'What is logged.', options: ['debug', 'info', 'warn', 'error'] }),
  set: Flags.string({
    description: 'Any setting of wiz.yaml by its path, for example retention.keepDays=30.',
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'PATH=VALUE',
  }),
};

/** Which setting each flag is. */
export const SETTINGS: Record<string, string> = {
  listen: 'listen',
  home: 'home',
  store: 'store',
  files: 'files',
  'tls-cert': 'tls.certificate',
  'tls-key': 'tls.key',
  'tls-client-ca': 'tls.clientAuthority',
  'behind-proxy': 'behindProxy',
  role: 'roles',
  'local-executors': 'localExecutors',
  'log-level': 'log.level',
};

/** What flags say, for loadDaemonConfig. */
export function configSources(flags: Record<string, unknown>): ConfigSources {
  const given: NonNullable<ConfigSources['flags']> = [];
  for (const [flag, path] of Object.entries(SETTINGS)) {
    const value = flags[flag] as string | boolean | string[] | undefined;
    if (value !== undefined) given.push({ path, value, flag: `--${flag}` });
  }
  if (flags.port !== undefined)
    given.push({ path: 'listen', value: `127.0.0.1:${flags.port}`, flag: '--port' });
  for (const word of (flags.set as string[] | undefined) ?? []) {
    const at = word.indexOf('=');
    if (at < 1) throw new UsageError(`--set ${word}: there is no = in it`, 'Write --set PATH=VALUE.');
    given.push({ path: word.slice(0, at), value: word.slice(at + 1), flag: `--set ${word.slice(0, at)}` });
  }
  const file = flags.config as string | undefined;
  return { environment: process.env, file, flags: given, folder: process.cwd() };
}
