import { type Complaint, describe } from './explain.ts';
import { didYouMean, type NearestFinder } from './nearest.ts';

/** `timeZone` of one pipeline, as it stands in the file: a name that the platform's tables have. */
export function checkTimeZone({ timeZone }: Record<string, unknown>, nearest: NearestFinder): Complaint[] {
  if (typeof timeZone !== 'string') return [];
  const problem = timeZoneProblem(timeZone, nearest);
  if (problem === undefined) return [];
  const { says, hint } = problem;
  return [{ path: ['timeZone'], at: 'value', message: `"timeZone" ${says}`, hint }];
}

/** The end of a sentence about the zone; undefined when it is one, or empty, which others tell. */
export function timeZoneProblem(
  timeZone: string,
  nearest: NearestFinder,
): { says: string; hint: string } | undefined {
  if (timeZone.trim() === '' || isTimeZone(timeZone)) return undefined;
  const near = nearest(timeZone, Intl.supportedValuesOf('timeZone'));
  return {
    says: `must be the name of a time zone, not ${describe(timeZone)}`,
    hint: near === undefined ? 'Use a name such as Europe/Berlin or UTC.' : didYouMean(near),
  };
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
