import { z } from 'zod';
import { setting } from './setting.ts';

/** Settings that have no section of their own. */

const listenRule = 'must be HOST:PORT, for example 127.0.0.1:7433 or [::]:7433';

/** Text to where a server listens. */
const listen = setting(
  z.string({ error: listenRule }).regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):\d{1,5}$/, { error: listenRule }),
  { environment: 'WIZ_LISTEN' },
)
  .refine((text) => portOf(text) <= 65_535, { error: 'must be HOST:PORT with a port of at most 65535' })
  .meta({
    description:
      'Where it listens, HOST:PORT. Port 0 is any free one. Off loopback it needs TLS and authentication.',
    examples: ['127.0.0.1:7433', '0.0.0.0:7433'],
  })
  .default('127.0.0.1:7433')
  .transform((text) => ({
    host: text.slice(0, text.lastIndexOf(':')).replaceAll(/[[\]]/g, ''),
    port: portOf(text),
  }));

function portOf(text: string): number {
  return Number(text.slice(text.lastIndexOf(':') + 1));
}

const path = (environment?: string) =>
  setting(z.string().min(1), environment === undefined ? { kind: 'path' } : { kind: 'path', environment });

const tls = z
  .strictObject({
    certificate: path('WIZ_TLS_CERT').meta({
      description: 'PEM file with the certificate and its chain. Read again on SIGHUP.',
    }),
    key: path('WIZ_TLS_KEY').meta({ description: 'PEM file with its private key.' }),
    clientAuthority: path('WIZ_TLS_CLIENT_CA')
      .meta({ description: 'PEM file; clients must have a certificate of one of its authorities.' })
      .optional(),
  })
  .meta({ description: 'Without it the daemon speaks clear text.' })
  .optional();

const originRule = 'must be an origin, for example https://ui.example.org: no path, no slash at its end';

const origin = z
  .string({ error: originRule })
  .refine((text) => URL.canParse(text) && new URL(text).origin === text, { error: originRule });

const count = (least: number) => {
  const error = `must be a whole number from ${least} on`;
  return z.int({ error }).min(least, { error });
};

const retention = z
  .strictObject({
    keepRuns: setting(count(0), { environment: 'WIZ_KEEP_RUNS' })
      .meta({ description: 'So many newest runs of a pipeline are kept; 0 is no limit.' })
      .default(0),
    keepDays: setting(count(0), { environment: 'WIZ_KEEP_DAYS' })
      .meta({ description: 'Runs that ended in so many days are kept; 0 is no limit.' })
      .default(0),
  })
  .meta({ description: 'Once a day runs are deleted that are outside of both limits.' })
  .prefault({});

const log = z
  .strictObject({
    level: setting(z.enum(['debug', 'info', 'warn', 'error']), { environment: 'WIZ_LOG_LEVEL' })
      .meta({ description: 'What is logged.' })
      .default('info'),
  })
  .prefault({});

export const base = {
  home: path('WIZ_HOME')
    .meta({
      description:
        'Folder of what this manager alone keeps: logs, staging, its local executors. By default the state folder of the command line.',
    })
    .optional(),
  listen,
  tls,
  behindProxy: setting(z.boolean(), { environment: 'WIZ_BEHIND_PROXY' })
    .meta({ description: 'A proxy in front has TLS: clear text may be served off loopback.' })
    .default(false),
  origins: setting(z.array(origin), { environment: 'WIZ_ORIGINS' })
    .meta({
      description:
        'Origins whose pages may call, beside its own: what a browser writes into the header Origin.',
      examples: [['https://ui.example.org']],
    })
    .default([]),
  store: setting(z.string().min(1), { environment: 'WIZ_STORE', kind: 'address', secret: true })
    .meta({
      description: 'sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE. By default wiz.db in home.',
      examples: ['postgres://wiz:${file:/run/secrets/wiz-store}@db/wiz'],
    })
    .optional(),
  files: setting(z.string().min(1), { environment: 'WIZ_FILE_STORE', kind: 'address' })
    .meta({ description: 'folder:PATH, or s3://BUCKET/PREFIX?endpoint=URL. By default files in home.' })
    .optional(),
  roles: setting(z.array(z.enum(['api', 'runs'])).min(1), { environment: 'WIZ_ROLES' })
    .meta({ description: 'api answers callers, runs owns runs and has executors.' })
    .default(['api', 'runs']),
  localExecutors: setting(z.boolean(), { environment: 'WIZ_LOCAL_EXECUTORS' })
    .meta({ description: 'Whether it starts executors on its own machine.' })
    .default(true),
  slots: setting(count(1), { environment: 'WIZ_SLOTS' })
    .meta({ description: 'Programs at once on a local executor. By default two for each core, at least 4.' })
    .optional(),
  maxRunning: setting(count(1), { environment: 'WIZ_MAX_RUNNING' })
    .meta({ description: 'Processors at once over all managers of the store. By default no limit.' })
    .optional(),
  retention,
  log,
};
