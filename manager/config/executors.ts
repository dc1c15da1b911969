import { z } from 'zod';
import { setting } from './setting.ts';

const graceRule = 'must be a number of seconds from 1 on';

/** Executors, whoever started them. */
export const executors = z
  .strictObject({
    graceSeconds: setting(z.number({ error: graceRule }).min(1, { error: graceRule }), {
      environment: 'WIZ_EXECUTOR_GRACE',
    })
      .meta({
        description:
          'Seconds that an executor on another machine may be away before what it runs counts as lost and is tried again elsewhere.',
      })
      .default(30),
    keepLocal: setting(z.boolean(), { environment: 'WIZ_KEEP_LOCAL_EXECUTOR' })
      .meta({
        description:
          'Whether one local executor is started at once and kept as long as the daemon serves. Otherwise one is started when it is needed.',
      })
      .default(false),
  })
  .meta({ description: 'How executors are looked after.' })
  .prefault({});
