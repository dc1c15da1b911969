/**
 * What goes wrong inside one expression, and how much it may still cost. Neither is an Error: `all`, `exists`, `&&`
 * and `||` go on after a problem, perhaps a hundred thousand times, and a stack for each would be most of the cost.
 */

export class Problem {
  readonly message: string;
  /** A key, item or value that is not there: what `default()` stands in for. */
  readonly missing: boolean;
  /** Where in the expression, when that is known before it is evaluated. */
  readonly offset: number | undefined;

  constructor(message: string, missing = false, offset?: number) {
    this.message = message;
    this.missing = missing;
    this.offset = offset;
  }
}

/** Ends the evaluation whatever stands around it. */
export class TooCostly {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** Steps of one evaluation: a call, an item that is looked at, 64 characters that are copied. 10 million take 0.1 to
 *  0.8 s, and a list of 100,000 lines may be gone through a hundred times. */
export const MAX_STEPS = 10_000_000;

/** Characters of a text, and of the JSON of a result. */
export const MAX_SIZE = 64 * 1024 * 1024;

// Evaluation is synchronous and does not call itself, so one counter serves all.
let left = 0;

export function startCounting(): void {
  left = MAX_STEPS;
}

export function charge(steps: number): void {
  left -= steps;
  if (left < 0) throw new TooCostly(`takes more than ${MAX_STEPS.toLocaleString('en-US')} steps`);
}

/** For texts that are copied or looked through. */
export function chargeText(length: number): void {
  charge(length >>> 6);
}

export function checkSize(size: number): void {
  if (size > MAX_SIZE) throw new TooCostly(`gives more than ${MAX_SIZE >> 20} MiB`);
}
