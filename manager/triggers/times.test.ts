import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fireTimes, NEVER } from './times.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

const cron = (pattern: string, timeZone: string) =>
  fireTimes({ kind: 'cron', cron: pattern, timeZone: null }, timeZone);

function times(pattern: string, timeZone: string, from: string, count: number): string[] {
  const it = cron(pattern, timeZone);
  const found: string[] = [];
  for (let at = Date.parse(from); found.length < count; ) {
    at = it.next(at);
    found.push(new Date(at).toISOString().slice(5, 16));
  }
  return found;
}

describe('clock changes', () => {
  test('a time that is left out fires at the end of the gap, once', () => {
    const found = times('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00Z', 3);
    assert.deepEqual(found, ['03-28T01:30', '03-29T01:00', '03-30T00:30']);
  });
  test('a time that is there twice fires once', () => {
    const found = times('30 2 * * *', 'Europe/Berlin', '2026-10-23T12:00Z', 4);
    assert.deepEqual(found, ['10-24T00:30', '10-25T00:30', '10-26T01:30', '10-27T01:30']);
  });
  test('a step goes by the clock as it runs', () => {
    const found = times('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:01Z', 4);
    assert.deepEqual(found, ['10-25T00:30', '10-25T01:00', '10-25T01:30', '10-25T02:00']);
  });
  test('an interval does not know of clocks', () => {
    const { next } = fireTimes({ kind: 'every', everyMs: 900_000 }, 'UTC');
    assert.equal(next(Date.parse('2026-03-29T00:59:59.999Z')), Date.parse('2026-03-29T01:00Z'));
    assert.equal(next(Date.parse('2026-03-29T01:00Z')), Date.parse('2026-03-29T01:15Z'));
  });
  test('what is over never fires', () => {
    assert.equal(cron('0 0 30 2 *', 'UTC').next(0), NEVER);
  });
});

const MINUTE_MS = 60_000;
/** A zone, and a week around one of its changes. */
const WEEKS = [
  ['Europe/Berlin', '2026-03-26'],
  ['Europe/Berlin', '2026-10-22'],
  ['America/New_York', '2026-03-05'],
  ['America/New_York', '2026-10-29'],
  ['Australia/Lord_Howe', '2026-04-02'], // by half an hour
  ['Australia/Lord_Howe', '2026-10-01'],
  ['America/Sao_Paulo', '2018-11-01'], // at midnight
  ['America/Sao_Paulo', '2018-02-15'],
  ['Asia/Kolkata', '2026-03-26'], // none
] as const;

interface Minute {
  at: number;
  day: string;
  week: string;
  hour: number;
  minute: number;
}

/** What the clocks of a zone show in each minute of six days. */
const minutesOf = (() => {
  const known = new Map<string, Minute[]>();
  return (timeZone: string, start: number): Minute[] => {
    const key = `${timeZone} ${start}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      day: '2-digit',
      month: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    const minutes = Array.from({ length: 6 * 1440 + 1 }, (_, i): Minute => {
      const at = start + i * MINUTE_MS;
      const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
      return {
        at,
        day: `${parts.month}-${parts.day}`,
        week: parts.weekday!.toLowerCase(),
        hour: Number(parts.hour),
        minute: Number(parts.minute),
      };
    });
    known.set(key, minutes);
    return minutes;
  };
})();

const week = fc.constantFrom(...WEEKS);

test('fixed times fire once a day each, against an oracle that looks at every minute', () => {
  const hours = fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 });
  const minutes = fc.uniqueArray(fc.constantFrom(0, 15, 30, 59), { minLength: 1, maxLength: 2 });
  fc.assert(
    fc.property(week, hours, minutes, ([timeZone, from], hours, minutes) => {
      const start = Date.parse(`${from}T12:00Z`);
      const end = start + 6 * 86_400_000;
      const fired = cron(`${minutes} ${hours} * * *`, timeZone).between(start, end, 10_000);
      assert.equal(new Set(fired).size, fired.length);
      // Every minute, by what the clocks show then.
      const shown = new Map<string, number[]>();
      let gapEnds: { at: number; from: number; to: number; day: string }[] = [];
      const [first, ...rest] = minutesOf(timeZone, start);
      let before = first!;
      for (const now of rest) {
        const { at } = now;
        const key = `${now.day} ${now.hour}:${now.minute}`;
        shown.set(key, [...(shown.get(key) ?? []), at]);
        const jumped = (now.hour - before.hour) * 60 + now.minute - before.minute;
        if (now.day === before.day ? jumped > 1 : jumped > 1 - 24 * 60) {
          const fromMinute = now.day === before.day ? before.hour * 60 + before.minute + 1 : 0;
          gapEnds = [...gapEnds, { at, from: fromMinute, to: now.hour * 60 + now.minute, day: now.day }];
        }
        before = now;
      }
      const allowed = new Set<number>();
      for (const hour of hours) {
        for (const minute of minutes) {
          for (const [key, moments] of shown) {
            if (!key.endsWith(` ${hour}:${minute}`)) continue;
            const fires = moments.filter((at) => fired.includes(at));
            assert.equal(fires.length, 1, `${timeZone} ${key}`);
            allowed.add(fires[0]!);
          }
          const of = hour * 60 + minute;
          for (const gap of gapEnds) {
            if (of < gap.from || of >= gap.to) continue;
            assert.ok(fired.includes(gap.at), `${timeZone} ${gap.day} ${hour}:${minute} is made up for`);
            allowed.add(gap.at);
          }
        }
      }
      assert.deepEqual(
        fired.filter((at) => !allowed.has(at)),
        [],
      );
    }),
    { numRuns: 40 },
  );
});

test('steps and stars fire whenever the clocks show it, against the same oracle', () => {
  fc.assert(
    fc.property(week, fc.constantFrom('*/20', '*', '7-59/13'), ([timeZone, from], minute) => {
      const start = Date.parse(`${from}T12:00Z`);
      const end = start + 6 * 86_400_000;
      const fits: Record<string, (minute: number) => boolean> = {
        '*/20': (n) => n % 20 === 0,
        '*': () => true,
        '7-59/13': (n) => n >= 7 && (n - 7) % 13 === 0,
      };
      const expected: number[] = [];
      for (const { at, week, minute: shown } of minutesOf(timeZone, start).slice(1)) {
        if (!['sat', 'sun'].includes(week) || !fits[minute]!(shown)) continue;
        expected.push(at);
      }
      assert.deepEqual(cron(`${minute} * * * sat,sun`, timeZone).between(start, end, 1e6), expected);
    }),
    { numRuns: 15 },
  );
});

test('it does not matter from where one looks', () => {
  const pattern = fc.constantFrom(
    '30 2 * * *',
    '15,45 1-2 * * *',
    '*/15 * * * *',
    '30 0 * * *',
    '0 */2 * * *',
  );
  fc.assert(
    fc.property(
      week,
      pattern,
      fc.nat(6 * 86_400_000),
      fc.integer({ min: 1, max: 30 }),
      ([timeZone, from], pattern, offset, most) => {
        const start = Date.parse(`${from}T12:00Z`);
        const it = cron(pattern, timeZone);
        const all = it.between(start, start + 8 * 86_400_000, 1e6);
        assert.equal(
          it.next(start + offset),
          all.find((at) => at > start + offset),
        );
        const until = start + offset;
        assert.deepEqual(it.between(start, until, most), all.filter((at) => at <= until).slice(-most));
      },
    ),
    { numRuns: 100 },
  );
});
