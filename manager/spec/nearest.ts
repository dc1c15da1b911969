import { closest, distance } from 'fastest-levenshtein';

/** Comparisons one `nearestFinder` may make: 2 million take about half a second. Past it no name is suggested,
 *  so that a file with thousands of wrong names among thousands is refused as fast as any other. */
const COMPARISONS = 2_000_000;

/** The nearest of `names`, or undefined when none is near enough to be a slip of the fingers. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  if (names.length === 0 || name.length > 100) return undefined;
  const folded = fold(name);
  const same = names.find((candidate) => fold(candidate) === folded);
  if (same !== undefined) return same;
  const best = closest(name, names);
  // Two swapped letters count as two; of three letters only one may be wrong.
  const length = Math.max(name.length, best.length);
  const allowed = length <= 3 ? 1 : Math.max(2, Math.floor(length / 3));
  return distance(name, best) <= allowed ? best : undefined;
}

/** `Did you mean "x"?`, or empty. */
export function didYouMean(name: string | undefined): string {
  return name === undefined ? '' : `Did you mean "${name}"?`;
}

export type NearestFinder = (name: string, names: readonly string[]) => string | undefined;

/** `nearest` with a budget, for the check of one set of files. */
export function nearestFinder(): NearestFinder {
  let left = COMPARISONS;
  return (name, names) => {
    left -= names.length;
    return left < 0 ? undefined : nearest(name, names);
  };
}

/** Upper and lower case, dashes and underscores are what people mix up most. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}
