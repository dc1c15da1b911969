import { z } from 'zod';
import { hookSchema } from '../spec/schema/hooks.ts';
import { secretSchema } from '../spec/schema/secrets.ts';
import { scalarText, variableName } from '../spec/schema/texts.ts';
import { setting } from './setting.ts';

/** Who is told of what happens in runs of any pipeline, and what hooks of pipelines may do. */

const pattern = z.string().min(1);

const globalHook = hookSchema.safeExtend({
  pipelines: z
    .array(pattern)
    .meta({
      description: 'Only runs of these pipelines; * stands for any characters.',
      examples: [['report-*']],
    })
    .optional(),
  labels: z
    .record(z.string(), scalarText)
    .meta({ description: 'Only runs with these labels.', examples: [{ team: 'platform' }] })
    .optional(),
});

const urlRule = 'must be the http or https address of the manager, without a slash at its end';

export const hooks = z
  .strictObject({
    global: z
      .array(globalHook)
      .meta({
        description:
          'Hooks for all pipelines, written as in a pipeline file; `pipelines` and `labels` choose among runs.',
        examples: [[{ on: 'run.failed', webhook: { url: 'https://example.org/hooks/wiz', secret: 'KEY' } }]],
      })
      .default([]),
    secrets: z
      .record(variableName, secretSchema)
      .meta({
        description: 'Where secrets of `global` are found: `env` or `file`, by name.',
        examples: [{ KEY: { file: '/run/secrets/hook' } }],
      })
      .default({}),
    publicUrl: setting(z.string().regex(/^https?:\/\/\S*[^/\s]$/, { error: urlRule }), {
      environment: 'WIZ_PUBLIC_URL',
    })
      .meta({
        description:
          'Where receivers reach the manager, for links in what they get. By default there are none.',
      })
      .optional(),
    allow: z
      .strictObject({
        commands: setting(z.boolean(), { environment: 'WIZ_HOOKS_ALLOW_COMMANDS' })
          .meta({ description: 'Hooks of pipelines may run commands on the machine of the manager.' })
          .default(false),
        hosts: z
          .array(pattern)
          .meta({
            description:
              'Hosts that webhooks of pipelines may go to; `*.example.org` is all below one. By default any.',
          })
          .optional(),
        privateAddresses: setting(z.boolean(), { environment: 'WIZ_HOOKS_ALLOW_PRIVATE' })
          .meta({ description: 'They may go to private addresses, and to this machine.' })
          .default(true),
        secrets: z
          .array(pattern)
          .meta({
            description:
              'Variables and files of the manager that may be secrets of their hooks; a `*` at the end for all that begin so.',
          })
          .default(['WIZ_HOOK_*', '/run/secrets/*']),
      })
      .prefault({}),
  })
  .meta({ description: 'Who is told of what happens in runs; see docs/hooks.md.' })
  .prefault({});

export type HooksConfig = z.output<typeof hooks>;
