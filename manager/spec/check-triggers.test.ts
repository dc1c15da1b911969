import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse, testRefusals } from './fixtures/refusals.ts';

const file = (triggers: string, rest = '') =>
  `name: x\nprocessors: { a: { run: x } }\n${rest}triggers:\n${triggers}`;

describe('triggers', () => {
  test('have their defaults, and names', async () => {
    const [pipeline] = await parse(
      file(
        `  - { schedule: "0  17 * * 1-5", params: { n: 5 } }
  - { schedule: { at: "5:30pm", days: fri-mon }, name: evening }
  - { schedule: { every: 15m } }
`,
        'params: { n: 1 }\n',
      ),
    );
    const rest = { params: {}, overlap: 'skip', catchUp: 'last', paused: false };
    const cron = (text: string) => ({ kind: 'cron', cron: text, timeZone: null });
    assert.deepEqual(pipeline!.spec.triggers, [
      { ...rest, name: 'evening', schedule: cron('30 17 * * fri,sat,sun,mon') },
      { ...rest, name: 'schedule', schedule: cron('0 17 * * 1-5'), params: { n: '5' } },
      { ...rest, name: 'schedule-2', schedule: { kind: 'every', everyMs: 900_000 } },
    ]);
  });

  test('give params that are texts as they are written', async () => {
    const [pipeline] = await parse(
      file(
        '  - { schedule: "@daily", params: { version: 1.10, size: 1.0, n: 0x1F } }\n',
        'params: { version: "1.9", size: { enum: ["1.0", "2.0"] }, n: 1 }\n',
      ),
    );
    assert.deepEqual(pipeline!.spec.triggers[0]!.params, { version: '1.10', size: '1.0', n: '31' });
  });

  testRefusals([
    [
      'a pattern that is none',
      file('  - schedule: "61 * * * *"'),
      ['p.yaml:4:15: "61 * * * *" is no cron pattern. Invalid value for minute: 61.'],
    ],
    [
      'too few parts',
      file('  - schedule: { cron: "0 17 * *" }'),
      [
        'p.yaml:4:23: "0 17 * *" is no cron pattern. Write minute, hour, day of month, month and day of week: "0 17 * * 1-5".',
      ],
    ],
    [
      'what another key is for',
      file('  - schedule: every 5m'),
      ['p.yaml:4:15: "every 5m" is no cron pattern. Write { every: 5m }.'],
    ],
    [
      'a pattern that never fires',
      file('  - schedule: "0 0 31 2 *"'),
      ['p.yaml:4:15: the cron pattern "0 0 31 2 *" never fires. There is no such day.'],
    ],
    [
      'an unknown zone',
      file('  - schedule: { at: noon, timeZone: Europe/Berln }'),
      [
        'p.yaml:4:37: the zone of a schedule must be the name of a time zone, not "Europe/Berln". Did you mean "Europe/Berlin"?',
      ],
    ],
    [
      'two of a name, and what does not go together',
      file(
        '  - { name: a, schedule: "@daily" }\n  - { name: a, schedule: "@daily", overlap: replace, catchUp: all }',
      ),
      [
        'p.yaml:5:13: two triggers are called "a". Choose another name.',
        'p.yaml:5:63: the runs that are caught up would replace each other, so that only the last one is left. Write catchUp: last.',
      ],
    ],
    [
      'params that are not there, do not fit, or lack',
      file(
        '  - { schedule: "@daily", params: { nn: 1, size: huge, count: x } }',
        'params: { n: { type: integer }, size: { enum: [small, large], default: small }, count: 3 }\n',
      ),
      [
        'p.yaml:5:5: a trigger does not give the param "n", which is required. Add it to params of the trigger, or give it a default.',
        'p.yaml:5:37: a trigger gives the param "nn", which the pipeline does not have. Did you mean "n"?',
        'p.yaml:5:50: param "size" must be one of small, large, not "huge".',
        'p.yaml:5:63: param "count" must be a number, not "x".',
      ],
    ],
    [
      'both an interval and a zone, and no time',
      file('  - schedule: { every: 1m, timeZone: UTC }\n  - schedule: { days: mon }'),
      [
        'p.yaml:4:38: "triggers[0].schedule.timeZone" is for cron and at. Remove it.',
        'p.yaml:5:5: "triggers[1].schedule" must have one of cron, every or at.',
        'p.yaml:5:23: "triggers[1].schedule.days" is for at. Remove it.',
      ],
    ],
  ]);
});
