import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '../durations.ts';
import { HOOK_EVENTS } from '../hook-spec.ts';
import { shell } from './shell.ts';
import { argv, filledText, name, scalarText, variableName } from './texts.ts';

/** Hooks: of a pipeline, and of a manager's configuration. */

/** Milliseconds a hook may take at most: a delivery is held by its manager for as long. */
const MAX_TIMEOUT_MS = 300_000;
const timeoutRule = 'must be a duration from 1ms to 5m, such as 10s';

const hookTimeout = z
  .string({ error: timeoutRule })
  .regex(DURATION_PATTERN, { error: timeoutRule })
  .refine((value) => (parseDuration(value) ?? 0) > 0 && parseDuration(value)! <= MAX_TIMEOUT_MS, {
    error: timeoutRule,
  });

/** Which ones there are is looked at in check-hooks.ts, which knows the nearest. */
const event = z.string({ error: 'must be the name of an event' }).meta({ enum: [...HOOK_EVENTS] });

export const webhookSchema = z
  .strictObject(
    {
      url: filledText.meta({
        description: 'Where the event is posted, as JSON.',
        examples: ['https://example.org/hooks/wiz', '${{ secrets.CHAT_URL }}'],
      }),
      secret: variableName
        .meta({
          description: 'Secret that signs what is sent; left out, nothing is signed.',
          examples: ['HOOK_SECRET'],
        })
        .optional(),
      headers: z
        .record(
          z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, {
            error: 'must be the name of a header',
          }),
          scalarText,
          { error: 'must be a map of names and texts' },
        )
        .meta({
          description: 'Further headers.',
          examples: [{ authorization: 'Bearer ${{ secrets.TOKEN }}' }],
        })
        .optional(),
      timeout: hookTimeout
        .meta({ description: 'How long one try may take, at most 5m.', default: '10s' })
        .optional(),
    },
    { error: 'must be a map with url' },
  )
  .meta({ title: 'Webhook' });

export const hookSchema = z
  .strictObject(
    {
      on: z
        .union([event, z.array(event).min(1, { error: 'must name an event' })], {
          error: 'must be the name of an event or a list of them',
        })
        .meta({
          description: 'Events that are told: one name, or a list.',
          examples: ['run.failed', ['run.succeeded', 'run.failed']],
        }),
      processors: z
        .union([name, z.array(name)], { error: 'must be a name or a list of names' })
        .meta({
          description: 'Of events of processors, only those of these: one name, or a list.',
          examples: [['deploy']],
        })
        .optional(),
      webhook: webhookSchema
        .meta({
          description: 'Posts the event to a URL.',
          examples: [{ url: 'https://example.org/hooks/wiz', secret: 'HOOK_SECRET' }],
        })
        .optional(),
      command: argv
        .meta({
          description:
            'A program and its arguments, run on the machine of the manager with the event as JSON on standard input.',
          examples: [['notify-send', '${{ run.id }} failed']],
        })
        .optional(),
      run: filledText
        .meta({
          description: 'A script for `shell`, run like a command.',
          examples: ['mail -s "$WIZ_RUN_ID failed" team@example.org'],
        })
        .optional(),
      shell: shell.optional(),
      timeout: hookTimeout
        .meta({
          description: 'How long one try of a command or script may take, at most 5m.',
          default: '30s',
        })
        .optional(),
    },
    { error: 'must be a map with on, and one of webhook, command or run' },
  )
  .superRefine(
    (hook, context) => {
      for (const [key, message] of problemsOf(hook)) {
        context.addIssue({ code: 'custom', message, ...(key !== undefined && { path: [key] }) });
      }
    },
    { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
  )
  .meta({
    title: 'Hook',
    oneOf: [{ required: ['webhook'] }, { required: ['command'] }, { required: ['run'] }],
    dependentRequired: { shell: ['run'] },
    dependentSchemas: { timeout: { not: { required: ['webhook'] } } },
  });

function problemsOf(hook: object): [key: string | undefined, message: string][] {
  const has = (key: string) => Object.hasOwn(hook, key);
  const actions = ['webhook', 'command', 'run'].filter(has);
  const problems: [string | undefined, string][] = [];
  if (actions.length === 0)
    problems.push([undefined, 'has nothing to do: it needs one of webhook, command or run']);
  if (actions.length > 1)
    problems.push([undefined, `has ${actions.join(' and ')}, but can have only one of them`]);
  if (has('shell') && !has('run')) problems.push(['shell', 'is for run. Remove it']);
  if (has('timeout') && has('webhook') && actions.length === 1)
    problems.push(['timeout', 'is for commands and scripts. Write it in webhook']);
  return problems;
}

export const hooks = z.array(hookSchema, { error: 'must be a list of hooks' }).meta({
  description: 'Who is told about what happens in runs: webhooks and commands.',
  examples: [
    [{ on: 'run.failed', webhook: { url: 'https://example.org/hooks/wiz', secret: 'HOOK_SECRET' } }],
  ],
});

export type HookFile = z.output<typeof hookSchema>;
