import { type Complaint, describe } from './explain.ts';
import { didYouMean, type NearestFinder } from './nearest.ts';

/** `timeZone` of one pipeline, as it stands in the file: a name that the platform's tables have. */
export function checkTimeZone({ timeZone }: Record<string, unknown>, nearest: NearestFinder): Complaint[] {
  if (typeof timeZone !== 'string' || timeZone.trim() === '' || isTimeZone(timeZone)) return [];
  const near = nearest(timeZone, Intl.supportedValuesOf('timeZone'));
  return [
    {
      path: ['timeZone'],
      at: 'value',
      message: `"timeZone" must be the name of a time zone, not ${describe(timeZone)}`,
      hint: near === undefined ? 'Use a name such as Europe/Berlin or UTC.' : didYouMean(near),
    },
  ];
}

function isTimeZone(name: string): boolean {
  // An offset such as +01:00 works too, but knows no summer time: whoever writes one means a place.
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
