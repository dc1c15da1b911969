/**
 * What hooks are to be told, each a row that is written in the commit of the event it is about, so that none is lost and
 * none comes of an event that was not kept.
 *
 *   pending       due at `nextMs`, or held by the manager that tries it
 *   acknowledged  the receiver has it
 *   failed        no tries left, or none that could help
 *   disabled      its hook is gone (410): nothing is sent until somebody redelivers one
 *
 * One manager at a time holds a delivery: until its claim runs out, or the manager is removed. A try is ended under the
 * number it was claimed with; whoever was overtaken ends nothing. So each is acknowledged once, though the receiver may
 * have seen it more often.
 */
export interface DeliveryStore {
  /** Takes those that are due and that nobody holds, the longest due first, and counts the try. */
  claimDeliveries(holder: string, nowMs: number, limit: number): Promise<ClaimedDelivery[]>;
  /** False when somebody else has claimed it meanwhile: nothing was stored. */
  endTry(end: TryEnd): Promise<boolean>;
  getDelivery(deliveryId: string): Promise<{ delivery: DeliveryRow; tries: DeliveryTry[] } | undefined>;
  /** Newest first. */
  listDeliveries(filter: DeliveryFilter): Promise<DeliveryRow[]>;
  /** When the next one that nobody holds is due; undefined when nothing is pending. */
  nextDeliveryMs(nowMs: number): Promise<number | undefined>;
  /** Due again from now on, with all its tries, and its hook not disabled any more. False when there is none. */
  redeliver(deliveryId: string, nowMs: number): Promise<boolean>;
}

export interface NewDelivery {
  /** The same for the same event and hook, however often a commit is tried. Receivers see it. */
  deliveryId: string;
  /** The same for the same target of the same pipeline; what is disabled. */
  hookKey: string;
  runId: string;
  pipeline: string;
  event: string;
  /** Empty for events of runs. */
  processor: string;
  createdMs: number;
  /** HookTarget as JSON: where it goes. Names of secrets, and no values. */
  target: string;
  /** What is told, JSON: the same bytes with each try. */
  body: string;
  /** How long one try may take. */
  timeoutMs: number;
}

export type DeliveryState = 'pending' | 'acknowledged' | 'failed' | 'disabled';

export interface DeliveryRow extends NewDelivery {
  state: DeliveryState;
  /** Tries that were begun. */
  tries: number;
  /** Tries before it was last redelivered. */
  triesBefore: number;
  /** When the next try is due. */
  nextMs: number;
  /** 0 while it is pending. */
  endedMs: number;
  /** What the last try that ended said; empty when it was acknowledged. */
  error: string;
}

export type ClaimedDelivery = DeliveryRow;

/** What the receiver has cost at most beside `timeoutMs` until somebody else may try: the way to the store and back, and
 *  a clock that is some seconds off. */
export const CLAIM_SLACK_MS = 30_000;

export interface DeliveryTry {
  /** From 1. */
  attempt: number;
  startedMs: number;
  /** Negative while it goes on, and when its manager died. */
  durationMs: number;
  /** Of HTTP, or the exit code; 0 when there was none. */
  status: number;
  error: string;
  /** What the receiver or the program said, cut; see hooks/. */
  output: string;
}

export interface TryEnd extends Omit<DeliveryTry, 'startedMs'> {
  deliveryId: string;
  holder: string;
  state: DeliveryState;
  /** For what is still pending. */
  nextMs: number;
  nowMs: number;
}

export interface DeliveryFilter {
  runId?: string;
  pipeline?: string;
  states?: DeliveryState[];
  /** Only those whose last try failed, or whose hook is gone. */
  troubled?: true;
  limit: number;
  /** Only those created before this one. */
  beforeId?: string;
}
