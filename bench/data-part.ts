/** A part of this benchmark: what its numbers mean, and how to take them. `peak_mb` is the largest of all parts. */
export interface DataPart {
  meanings: Record<string, string>;
  measure(): Record<string, number> & { peak_mb: number };
}

export const DATA_ROUNDS = 3;
