import { z } from 'zod';
import { DURATION_PATTERN, MAX_DURATION_MS, parseDuration } from '../durations.ts';
import { DAYS_PATTERN, timeOfDay } from '../times-of-day.ts';
import { fieldName, filledText, name } from './texts.ts';

/** Triggers: what starts runs of a pipeline by itself. */

const everyRule = 'must be a duration from 1s to 24d, such as 15m';
const scheduleRule = 'must be a cron pattern, or a map with one of cron, every or at';
const daysRule = 'must be days of the week such as mon, tue-fri or sat';
const day = z.string({ error: daysRule }).regex(DAYS_PATTERN, { error: daysRule });

export const scheduleSchema = z
  .strictObject(
    {
      cron: filledText
        .meta({
          description:
            'Minute, hour, day of month, month and day of week; or @hourly, @daily, @weekly, @monthly.',
          examples: ['0 17 * * 1-5', '@daily'],
        })
        .optional(),
      every: z
        .string({ error: everyRule })
        .regex(DURATION_PATTERN, { error: everyRule })
        .refine((value) => (parseDuration(value) ?? 0) >= 1000 && parseDuration(value)! <= MAX_DURATION_MS, {
          error: everyRule,
        })
        .meta({
          description: 'A time between fires, counted from midnight UTC of 1970-01-01.',
          examples: ['15m'],
        })
        .optional(),
      at: z
        .string({ error: 'must be a time such as "17:00" or 5pm' })
        .refine((value) => timeOfDay(value) !== undefined, {
          error: 'must be a time such as "17:00" or 5pm',
        })
        .meta({
          description: 'A time of the day, every day unless `days` says which.',
          examples: ['17:00', '5pm'],
        })
        .optional(),
      days: z
        .union([day, z.array(day).min(1, { error: daysRule })], { error: daysRule })
        .meta({ description: 'Days of the week for `at`: one, a span, or a list.', examples: ['mon-fri'] })
        .optional(),
      timeZone: filledText
        .meta({
          description:
            'Zone of `cron` and `at`, by its IANA name. Left out, it is that of the pipeline, or else of the manager.',
          examples: ['Europe/Berlin'],
        })
        .optional(),
    },
    { error: scheduleRule },
  )
  .superRefine(
    (schedule, context) => {
      const has = (key: string) => Object.hasOwn(schedule, key);
      const given = ['cron', 'every', 'at'].filter(has);
      if (given.length !== 1)
        context.addIssue({ code: 'custom', message: 'must have one of cron, every or at' });
      if (has('days') && !has('at'))
        context.addIssue({ code: 'custom', path: ['days'], message: 'is for at. Remove it' });
      if (has('timeZone') && has('every'))
        context.addIssue({ code: 'custom', path: ['timeZone'], message: 'is for cron and at. Remove it' });
    },
    { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
  )
  .meta({
    title: 'Schedule',
    oneOf: [{ required: ['cron'] }, { required: ['every'] }, { required: ['at'] }],
    dependentRequired: { days: ['at'] },
    dependentSchemas: { timeZone: { not: { required: ['every'] } } },
  });

export const triggerSchema = z
  .strictObject(
    {
      name: name
        .meta({ description: 'Its name in the pipeline. Left out, it is schedule, schedule-2 and so on.' })
        .optional(),
      schedule: z.union([filledText, scheduleSchema], { error: scheduleRule }).meta({
        description: 'When it fires: a cron pattern, or a map.',
        examples: ['0 17 * * 1-5', { at: '17:00', timeZone: 'Europe/Berlin' }, { every: '15m' }],
      }),
      params: z
        .record(fieldName, z.unknown(), { error: 'must be a map of params' })
        .meta({ description: 'Params of the runs.', examples: [{ region: 'eu' }] })
        .optional(),
      overlap: z
        .enum(['skip', 'queue', 'replace'], { error: 'must be skip, queue or replace' })
        .meta({
          description: 'What becomes of a fire while the run of the one before goes on.',
          default: 'skip',
        })
        .optional(),
      catchUp: z
        .enum(['none', 'last', 'all'], { error: 'must be none, last or all' })
        .meta({
          description: 'Which of the fires are made up for that were missed while no manager was there.',
          default: 'last',
        })
        .optional(),
      paused: z
        .boolean({ error: 'must be true or false' })
        .meta({ description: 'Nothing fires until `wiz schedules resume`.', default: false })
        .optional(),
    },
    { error: 'must be a map with schedule' },
  )
  .meta({ title: 'Trigger' });

export const triggers = z.array(triggerSchema, { error: 'must be a list of triggers' }).meta({
  description: 'What starts runs of the pipeline by itself. They fire while a shared manager serves.',
  examples: [[{ schedule: { at: '17:00', timeZone: 'Europe/Berlin' } }]],
});

export type TriggerFile = z.output<typeof triggerSchema>;
export type ScheduleFile = z.output<typeof scheduleSchema>;
