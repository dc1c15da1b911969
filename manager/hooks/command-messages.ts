/** What a manager and its command runner tell each other, over the channel of their processes. */

export interface CommandRequest {
  id: number;
  argv: string[];
  folder: string;
  environment: Record<string, string>;
  /** Standard input. */
  input: string;
  timeoutMs: number;
}

export interface CommandResult {
  id: number;
  /** Null when a signal ended it, or it could not be started. */
  code: number | null;
  signal: string | null;
  /** Why it could not be started; empty when it was. */
  problem: string;
  timedOut: boolean;
  /** Both streams as they came, the first 64 KiB. */
  output: string;
}

/** Ends one that runs. */
export interface CommandCancel {
  cancel: number;
}
