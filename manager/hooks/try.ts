/** What came of one try of a delivery. */
export interface TryResult {
  /** Of HTTP, or the exit code; 0 when there was none. */
  status: number;
  /** A sentence; empty when it was acknowledged. */
  error: string;
  /** What the receiver or the program said, cut. */
  output: string;
  /** What the receiver asked for; 0 is nothing. */
  retryAfterMs: number;
  /** Nobody is there any more, and nothing is to be sent again (410). */
  gone: boolean;
}
