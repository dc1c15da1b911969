import { create } from '@bufbuild/protobuf';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  type Hello,
  type Load,
  ProgressReportSchema,
  type Refusal,
  RefusalSchema,
  RunReportsSchema,
  type SessionRequest,
  type SessionResponse,
  SessionResponseSchema,
  type Welcome,
  WelcomeSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { ManagerInSession, WantedFiles } from '../files/wanted-files.ts';
import type { HeldAttempt } from './held-attempt.ts';
import { type Owner, WHOLE_RUN } from './owner.ts';
import type { Workload } from './workload.ts';

/**
 * The executor's end of one stream with a manager.
 *
 * - **silent**: nothing is sent before the manager's hello. Anything else as the first message ends the stream
 *   with FAILED_PRECONDITION.
 * - **open**: the hello's runs are adopted (those held at a newer epoch are refused, one by one) and answered
 *   with a welcome: what is here of them. Then what was kept for them follows: log chunks from the last acknowledged
 *   byte on, and reports. A later hello adopts more runs in the same way. Assignments adopt their run too.
 * - **closed**: the stream ended, broke, or was ended by the executor. The work goes on without an owner; what
 *   it says is kept in the workload until a hello names its run.
 *
 * Sending is batched: whatever is ready in one turn of the event loop goes out as one message, and while the
 * stream is not taking more, everything waits where it is and becomes part of the next. In a message log
 * chunks count before reports: an attempt's report is never sent before the last chunk of its log.
 */
export interface Session extends Owner {
  readonly managerId: string;
  /** Tells the load now. */
  tellLoad(): void;
  /** Sends what is ready and ends the stream. */
  close(): void;
}

export interface SessionOptions {
  executorId: string;
  slots: number;
  /** Identity of the file store. */
  fileStoreId: string;
  /** What attempts wait for; every session tells it. */
  wanted: WantedFiles;
  serial: number;
  workload: Workload;
  opened(session: Session): void;
  closed(session: Session): void;
  load(): Load;
  /** Milliseconds between load reports, which also say that the executor lives. */
  heartbeatMs: number;
}

export type SessionStream = ServerDuplexStream<SessionRequest, SessionResponse>;

/** Where a message is cut, so that one attempt's log does not hold up everything else. */
const CUT_BYTES = 1024 * 1024;
const CUT_REPORTS = 4096;

/** Milliseconds for which messages are gathered while enough waits for a slot: each costs both ends 0.1 ms. */
const GATHER_MS = 4;

/** Messages that HTTP/2 has not taken yet; with more in flight, what is ready is joined instead. */
const MAX_IN_FLIGHT = 4;

/** gRPC's FAILED_PRECONDITION. */
const FAILED_PRECONDITION = 9;

export function openSession(stream: SessionStream, options: SessionOptions): Session {
  const { workload } = options;
  const awake = new Set<HeldAttempt>();
  let state: 'silent' | 'open' | 'closed' = 'silent';
  let managerId = '';
  let welcome: Welcome | undefined;
  let refusals: Refusal[] = [];
  let wantedFiles: string[] = [];
  let manager: ManagerInSession | undefined;
  let loadDue = false;
  let scheduled = false;
  let inFlight = 0;

  const session: Session = {
    serial: options.serial,
    get managerId() {
      return managerId;
    },
    wake(attempt) {
      awake.add(attempt);
      schedule();
    },
    refuse({ runId, epoch }, { processor, attempt }, reason, currentEpoch) {
      refusals.push(create(RefusalSchema, { runId, epoch, processor, attempt, reason, currentEpoch }));
      schedule();
    },
    tellLoad() {
      loadDue = true;
      schedule();
    },
    close() {
      inFlight = 0;
      flush();
      stream.end();
      closed();
    },
  };

  const heartbeat = setInterval(session.tellLoad, options.heartbeatMs);
  heartbeat.unref();

  stream.on('data', receive);
  stream.on('end', () => {
    stream.end();
    closed();
  });
  for (const event of ['cancelled', 'error', 'close']) stream.on(event, closed);
  return session;

  function receive(request: SessionRequest): void {
    if (state === 'closed') return;
    if (request.hello) greet(request.hello);
    if (state === 'silent') {
      const details = 'The first message of a session must carry hello.';
      stream.emit('error', { code: FAILED_PRECONDITION, details });
      return;
    }
    for (const ack of request.acks) workload.acknowledge(ack);
    for (const ack of request.logAcks) {
      const attempt = workload.find(ack.runId, ack);
      if (attempt?.run.owner === session) attempt.spool?.ack(ack.stream, ack.offset);
    }
    for (const assignments of request.assignments) workload.assign(assignments, session);
    for (const cancels of request.cancels) workload.cancel(cancels, session);
    for (const attempts of request.superseded) workload.supersede(attempts);
    for (const end of request.endedRuns) workload.endRun(end, session);
    if (request.absentFiles.length > 0) manager?.absent(request.absentFiles);
    // Acknowledged logs made room for more.
    if (awake.size > 0) schedule();
  }

  function greet(hello: Hello): void {
    managerId = hello.managerId;
    const { executorId, slots, fileStoreId } = options;
    welcome = create(WelcomeSchema, { executorId, slots, fileStoreId });
    for (const lease of hello.runs) {
      if (workload.adopt(lease, session)) welcome.known.push(...workload.known(lease.runId));
      else session.refuse(lease, WHOLE_RUN, 'stale-epoch', workload.epochOf(lease.runId));
    }
    if (state === 'silent') {
      state = 'open';
      manager = options.wanted.join((hashes) => {
        for (const hash of hashes) wantedFiles.push(hash);
        schedule();
      });
      options.opened(session);
    }
    session.tellLoad();
  }

  function closed(): void {
    if (state === 'closed') return;
    const wasOpen = state === 'open';
    state = 'closed';
    clearInterval(heartbeat);
    awake.clear();
    manager?.leave();
    workload.disown(session);
    if (wasOpen) options.closed(session);
  }

  function schedule(): void {
    if (scheduled || state !== 'open' || inFlight >= MAX_IN_FLIGHT) return;
    scheduled = true;
    if (workload.busy) setTimeout(flush, GATHER_MS);
    else setImmediate(flush);
  }

  function flush(): void {
    scheduled = false;
    while (state === 'open' && inFlight < MAX_IN_FLIGHT) {
      const message = nextMessage();
      if (message === undefined) return;
      inFlight++;
      stream.write(message, sent);
    }
  }

  function sent(): void {
    inFlight--;
    schedule();
  }

  function nextMessage(): SessionResponse | undefined {
    const something = welcome !== undefined || loadDue || refusals.length > 0 || wantedFiles.length > 0;
    if (!something && awake.size === 0) return undefined;
    const message = create(SessionResponseSchema, { refusals, wantedFiles });
    if (welcome) message.welcome = welcome;
    if (loadDue) {
      message.load = options.load();
      message.unclaimed = workload.unclaimed();
    }
    welcome = undefined;
    loadDue = false;
    refusals = [];
    wantedFiles = [];
    const room = { bytes: CUT_BYTES, reports: CUT_REPORTS };
    for (const attempt of awake) {
      if (room.bytes <= 0 || room.reports <= 0) break;
      const isSilent = attempt.run.owner !== session || attempt.phase === 'gone' || attempt.superseded;
      if (isSilent || say(message, attempt, room)) {
        awake.delete(attempt);
      }
    }
    const some = something || message.logs.length + message.reports.length + message.progress.length > 0;
    return some ? message : undefined;
  }
}

/** Puts what the attempt has to say into the message. True when that was all. */
function say(
  message: SessionResponse,
  attempt: HeldAttempt,
  room: { bytes: number; reports: number },
): boolean {
  const { spool, progress, report, epoch, processor } = attempt;
  const { runId } = attempt.run;
  if (progress !== undefined) {
    attempt.progress = undefined;
    const { fraction, message: text } = progress;
    message.progress.push(
      create(ProgressReportSchema, {
        runId,
        epoch,
        processor,
        attempt: attempt.attempt,
        fraction,
        message: text,
      }),
    );
  }
  if (spool !== undefined) {
    while (room.bytes > 0) {
      const chunk = spool.next();
      if (chunk === undefined) break;
      message.logs.push(chunk);
      room.bytes -= chunk.data.length;
    }
    if (!spool.drained()) return false;
  }
  if (report === undefined) return true;
  let group = message.reports.at(-1);
  if (group === undefined || group.runId !== runId || group.epoch !== epoch) {
    group = create(RunReportsSchema, { runId, epoch });
    message.reports.push(group);
  }
  group.reports.push(report);
  room.reports--;
  room.bytes -= report.usage?.outputBytes ?? 0;
  return true;
}
