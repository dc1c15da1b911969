import { z } from 'zod';
import { DURATION_PATTERN, MAX_DURATION_MS, parseDuration } from '../durations.ts';

/** Time-outs and attempts. */

const DURATION_OR_NONE = new RegExp(`^none$|${DURATION_PATTERN.source}`);

function duration(description: string, examples: string[]) {
  const error = 'must be a duration such as 10s, 1m30s, 500ms or 2h';
  return z
    .string({ error })
    .regex(DURATION_PATTERN, { error })
    .refine((value) => (parseDuration(value) ?? 0) <= MAX_DURATION_MS, { error: 'must be at most 24d' })
    .meta({ description, examples });
}

export const timeout = z
  .string({ error: 'must be a duration such as 10s, 1m30s, 500ms or 2h, or none' })
  .regex(DURATION_OR_NONE, { error: 'must be a duration such as 10s, 1m30s, 500ms or 2h, or none' })
  .refine((value) => value === 'none' || parseDuration(value) !== 0, {
    error: 'must be longer than 0 (for no time-out write none)',
  })
  .refine((value) => value === 'none' || (parseDuration(value) ?? 0) <= MAX_DURATION_MS, {
    error: 'must be at most 24d',
  })
  .meta({
    description:
      'How long one attempt may take. Then its whole process group is ended, and the attempt has failed with reason timeout.',
    examples: ['10m', 'none'],
    default: 'none',
  });

const backoff = z
  .strictObject(
    {
      initial: duration('Wait before the second attempt.', ['1s']).meta({ default: '1s' }).optional(),
      max: duration('No wait is longer than this.', ['1m']).meta({ default: '1m' }).optional(),
      factor: z
        .number({ error: 'must be a number from 1 to 100' })
        .min(1, { error: 'must be a number from 1 to 100' })
        .max(100, { error: 'must be a number from 1 to 100' })
        .meta({ description: 'Each wait is the one before times this.', default: 2 })
        .optional(),
      jitter: z
        .number({ error: 'must be a number from 0 to 1' })
        .min(0, { error: 'must be a number from 0 to 1' })
        .max(1, { error: 'must be a number from 0 to 1' })
        .meta({
          description:
            'Share of each wait that is drawn at random, so that many retries do not come at once.',
          default: 0.1,
        })
        .optional(),
    },
    { error: 'must be a map with initial, max, factor or jitter' },
  )
  .refine(({ initial, max }) => !initial || !max || parseDuration(initial)! <= parseDuration(max)!, {
    error: 'has an initial wait that is longer than max',
  })
  .meta({ description: 'How the wait between attempts grows.' });

const limitRule = 'must be a whole number from 0 to 1000';
const limit = z
  .int({ error: limitRule })
  .min(0, { error: limitRule })
  .max(1000, { error: limitRule })
  .meta({ description: 'Attempts after the first; 0 is none.', default: 0 });

export const retries = z
  .union([limit, z.strictObject({ limit: limit.optional(), backoff: backoff.optional() })], {
    error: 'must be a whole number, or a map with limit and backoff',
  })
  .meta({
    description:
      'Further attempts after a failure: a number, or limit and backoff. What is left out comes from defaults.retries.',
    examples: [2, { limit: 3, backoff: { initial: '1s', max: '1m', factor: 2, jitter: 0.1 } }],
  });

export const grace = duration('Time between SIGTERM and SIGKILL when an attempt is ended.', ['10s']).meta({
  default: '10s',
});

export type RetriesFile = z.output<typeof retries>;
