import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type AssignmentSchema,
  type LogAckSchema,
  type NeedResultSchema,
  type RunAssignmentsSchema,
  type RunAttemptsSchema,
  type RunEndSchema,
  type SessionRequest,
  SessionRequestSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';

/**
 * What waits to be sent to one executor, in the order it was given: batches are cut where a message would get
 * too large, and joined where they are small. A cancel never overtakes the assignment it cancels: a message
 * holds a piece of the queue, and its assignments come before its cancels.
 */
export interface Outbox {
  /** Returns the assignments that fit no message; they are not queued. */
  add(batch: MessageInitShape<typeof SessionRequestSchema>): OversizedAssignment[];
  /** The next message, undefined when nothing waits. */
  take(): SessionRequest | undefined;
  readonly empty: boolean;
}

export interface OversizedAssignment {
  runId: string;
  epoch: number;
  processor: string;
  attempt: number;
  bytes: number;
}

type AssignmentsInit = MessageInitShape<typeof RunAssignmentsSchema>;
type AssignmentInit = MessageInitShape<typeof AssignmentSchema>;
type NeedInit = MessageInitShape<typeof NeedResultSchema>;
type AttemptsInit = MessageInitShape<typeof RunAttemptsSchema>;
type LogAckInit = MessageInitShape<typeof LogAckSchema>;
type RunEndInit = MessageInitShape<typeof RunEndSchema>;

/** Where a message is cut. Small enough that other traffic gets between, and that a message three times its
 *  estimate (all characters of three bytes) stays under the limit; large enough to cost nothing. */
const CUT_BYTES = 4 * 1024 * 1024;
const CUT_ASSIGNMENTS = 2000;
/** What an assignment may be, with the environment of its run: messages end at 64 MiB (MAX_MESSAGE_BYTES of
 *  proto/grpc.ts, which is not imported here as it loads grpc-js). */
export const MAX_ASSIGNMENT_BYTES = 63 * 1024 * 1024;
/** About what field tags, numbers and a run id add. */
const OVERHEAD_BYTES = 64;
/** A file's name, hash and size, and then some: names are at most a few hundred bytes. */
const FILE_BYTES = 200;

type Piece =
  | { kind: 'assignments'; run: AssignmentsInit; items: AssignmentInit[]; next: number; bytes: number[] }
  | {
      kind: 'cancels' | 'acks' | 'superseded';
      run: AttemptsInit;
      items: NonNullable<AttemptsInit['attempts']>;
      next: number;
    }
  | { kind: 'logAcks'; items: LogAckInit[]; next: number }
  | { kind: 'endedRuns'; items: RunEndInit[]; next: number }
  | { kind: 'absentFiles'; items: string[]; next: number };

export function createOutbox(): Outbox {
  let pieces: Piece[] = [];
  let first = 0;

  return {
    add(batch) {
      const oversized: OversizedAssignment[] = [];
      for (const run of batch.assignments ?? []) {
        const piece = assignmentsPiece(run, oversized);
        if (piece.items.length > 0) pieces.push(piece);
      }
      for (const run of batch.cancels ?? []) pieces.push(attemptsPiece('cancels', run));
      for (const run of batch.acks ?? []) pieces.push(attemptsPiece('acks', run));
      for (const run of batch.superseded ?? []) pieces.push(attemptsPiece('superseded', run));
      if (batch.logAcks?.length) pieces.push({ kind: 'logAcks', items: batch.logAcks, next: 0 });
      if (batch.endedRuns?.length) pieces.push({ kind: 'endedRuns', items: batch.endedRuns, next: 0 });
      if (batch.absentFiles?.length) pieces.push({ kind: 'absentFiles', items: batch.absentFiles, next: 0 });
      return oversized;
    },
    take() {
      if (first === pieces.length) return undefined;
      const message = create(SessionRequestSchema);
      const room = { bytes: CUT_BYTES, assignments: CUT_ASSIGNMENTS, fresh: true };
      while (first < pieces.length && moveItems(pieces[first]!, message, room)) first += 1;
      if (first === pieces.length) {
        pieces = [];
        first = 0;
      }
      return message;
    },
    get empty() {
      return first === pieces.length;
    },
  };
}

interface Room {
  bytes: number;
  assignments: number;
  /** Nothing is in the message yet: the first item always fits, as a whole one does. */
  fresh: boolean;
}

/** Moves what fits from a piece into the message. True when the whole piece went. */
function moveItems(piece: Piece, message: SessionRequest, room: Room): boolean {
  const start = piece.next;
  while (piece.next < piece.items.length && fits(piece, room)) piece.next += 1;
  if (piece.next > start) put(message, piece, start);
  return piece.next === piece.items.length;
}

function fits(piece: Piece, room: Room): boolean {
  const isAssignment = piece.kind === 'assignments';
  const bytes = isAssignment ? piece.bytes[piece.next]! : refBytes(piece.items[piece.next]!);
  if (!room.fresh && (bytes > room.bytes || (isAssignment && room.assignments === 0))) return false;
  room.bytes -= bytes;
  if (isAssignment) room.assignments -= 1;
  room.fresh = false;
  return true;
}

function put(message: SessionRequest, piece: Piece, start: number): void {
  // What goes whole, as nearly all does, is not copied.
  const whole = start === 0 && piece.next === piece.items.length;
  const part = create(SessionRequestSchema, sliceOf(piece, whole ? undefined : start));
  message.assignments.push(...part.assignments);
  message.cancels.push(...part.cancels);
  message.acks.push(...part.acks);
  message.superseded.push(...part.superseded);
  for (const ack of part.logAcks) message.logAcks.push(ack);
  message.endedRuns.push(...part.endedRuns);
  message.absentFiles.push(...part.absentFiles);
}

function sliceOf(piece: Piece, start?: number): MessageInitShape<typeof SessionRequestSchema> {
  const cut = <T>(items: T[]): T[] => (start === undefined ? items : items.slice(start, piece.next));
  switch (piece.kind) {
    case 'assignments': {
      const { runId, epoch, pipeline, environment, trace } = piece.run;
      const run = { runId, epoch, pipeline, environment, ...(trace !== undefined && { trace }) };
      return { assignments: [{ ...run, assignments: cut(piece.items) }] };
    }
    case 'logAcks':
      return { logAcks: cut(piece.items) };
    case 'endedRuns':
      return { endedRuns: cut(piece.items) };
    case 'absentFiles':
      return { absentFiles: cut(piece.items) };
    default: {
      const { runId, epoch } = piece.run;
      return { [piece.kind]: [{ runId, epoch, attempts: cut(piece.items) }] };
    }
  }
}

function attemptsPiece(kind: 'cancels' | 'acks' | 'superseded', run: AttemptsInit): Piece {
  return { kind, run, items: run.attempts ?? [], next: 0 };
}

function assignmentsPiece(run: AssignmentsInit, oversized: OversizedAssignment[]): Piece {
  const shared = mapBytes(run.environment) + OVERHEAD_BYTES;
  const items: AssignmentInit[] = [];
  const bytes: number[] = [];
  for (const item of run.assignments ?? []) {
    const estimate = assignmentBytes(item, length);
    // Only where the estimate could be too small is it worth counting bytes.
    if (shared + estimate > MAX_ASSIGNMENT_BYTES / 3) {
      const exact = mapBytes(run.environment, Buffer.byteLength) + assignmentBytes(item, Buffer.byteLength);
      if (exact > MAX_ASSIGNMENT_BYTES) {
        const { processor = '', attempt = 0 } = item;
        oversized.push({ runId: run.runId ?? '', epoch: run.epoch ?? 0, processor, attempt, bytes: exact });
        continue;
      }
    }
    items.push(item);
    // The environment goes with every message that the piece is spread over: its first item pays for it.
    bytes.push(items.length === 1 ? estimate + shared : estimate);
  }
  return { kind: 'assignments', run, items, next: 0, bytes };
}

const length = (text: string): number => text.length;

function assignmentBytes(item: AssignmentInit, count: (text: string) => number): number {
  let bytes = OVERHEAD_BYTES + count(item.processor ?? '') + count(item.workdir ?? '');
  bytes += count(item.inputJson ?? '') + mapBytes(item.environment, count);
  for (const need of item.needs ?? []) bytes += needBytes(need, count);
  switch (item.action?.case) {
    case 'program':
      for (const argument of item.action.value.argv ?? []) bytes += count(argument) + 4;
      break;
    case 'script':
      bytes += count(item.action.value.text ?? '');
      break;
    case 'call':
      bytes += count(item.action.value.uses ?? '') + count(item.action.value.withJson ?? '');
      break;
  }
  return bytes;
}

function needBytes({ output, files }: NeedInit, count: (text: string) => number): number {
  const value = output?.value;
  let bytes = OVERHEAD_BYTES + (files?.length ?? 0) * FILE_BYTES;
  if (value?.case === 'json' || value?.case === 'text') bytes += count(value.value);
  else if (value?.case === 'bytes') bytes += value.value.length;
  else if (value?.case === 'any') bytes += value.value.value?.length ?? 0;
  return bytes;
}

function mapBytes(map: { [key: string]: string } | undefined, count = length): number {
  let bytes = 0;
  for (const key in map) bytes += count(key) + count(map[key]!) + 8;
  return bytes;
}

function refBytes(item: { processor?: string; runId?: string } | string): number {
  // A hash has 64 bytes, and nothing else belongs to it.
  return OVERHEAD_BYTES + (typeof item === 'string' ? 0 : (item.processor?.length ?? 0));
}
