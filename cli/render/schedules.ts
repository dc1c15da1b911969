/** Schedules, as a list. */
import type { Schedule } from '../../proto/gen/wiz/v1/triggers_pb.js';
import type { Column } from './table.ts';
import { dateTime, duration } from './words.ts';

export function scheduleName({ pipeline, name }: Pick<Schedule, 'pipeline' | 'name'>): string {
  return `${pipeline}/${name}`;
}

export function scheduleColumns(): Column<Schedule>[] {
  return [
    { title: 'SCHEDULE', text: scheduleName },
    { title: 'WHEN', text: timesWords },
    {
      title: 'NEXT',
      text: ({ paused, nextUnixMs }) => (paused ? 'paused' : dateTime(nextUnixMs) || 'never'),
    },
    { title: 'LAST', text: ({ lastUnixMs }) => dateTime(lastUnixMs) },
    { title: 'RUN', text: ({ lastRunId }) => lastRunId },
    { title: 'OUTCOME', text: ({ lastOutcome }) => lastOutcome },
  ];
}

function timesWords({ times, timeZone }: Schedule): string {
  if (times.case === 'everyMs') return `every ${duration(times.value)}`;
  return `${times.value} (${timeZone})`;
}
