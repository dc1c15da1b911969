/**
 * wiz.yaml, whole: what the file may say, and what the code is given.
 *
 * A section is a file of its own beside this one. To add one:
 *
 *   1. Write manager/config/NAME.ts that exports a schema of a map, for example
 *
 *        export const hooks = z
 *          .strictObject({
 *            url: setting(z.url(), { environment: 'WIZ_HOOK_URL' }).meta({ description: 'Who is told.' }).optional(),
 *            key: setting(z.string(), { secret: true, environment: 'WIZ_HOOK_KEY' }).optional(),
 *            retries: z.int().min(0).meta({ description: 'Tries after the first.' }).default(5),
 *          })
 *          .meta({ description: 'Who is told when runs end.' })
 *          .prefault({});
 *
 *      With `.prefault({})` an absent section has its defaults; with `.optional()` it is undefined.
 *   2. Here: import it, and name it in `sections`.
 *
 * That is all: DaemonConfig has `hooks`, its keys are checked with their places, its environment variables are read, `--set
 * hooks.retries=3` works, `wiz config show` prints it with secrets masked, `wiz schema config` and docs/configuration.md
 * (`npm run docs`) describe it. See setting.ts for paths and secrets. Checks across keys: `.refine` on the section, or
 * check.ts for what concerns several sections.
 */
import { z } from 'zod';
import { auth } from './auth.ts';
import { base } from './base.ts';
import { executors } from './executors.ts';
import { hooks } from './hooks.ts';
import { metrics, tracing } from './observe.ts';

const sections = { auth, executors, tracing, metrics, hooks };

export const configSchema = z.strictObject({ ...base, ...sections });

export type SectionConfigs = { [Name in keyof typeof sections]: z.output<(typeof sections)[Name]> };

/** The JSON Schema (draft 2020-12) of wiz.yaml, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' }) as Record<string, unknown>;
}
