import { create } from '@bufbuild/protobuf';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import {
  FailureClass,
  Outcome,
  type RunReports,
  RunReportsSchema,
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
  type Welcome,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Channel } from './channel.ts';
import { executorError } from './executor-error.ts';
import { createOutbox, MAX_ASSIGNMENT_BYTES, type OversizedAssignment } from './outbox.ts';
import type { Connect, ConnectOptions, ExecutorSession } from './session.ts';

/**
 * A session is opening (hello sent, no welcome yet), then held (welcome here, `connect` resolved, but its caller
 * has not gone on: what arrives waits), then open. It ends once: closed by the manager, or broken when the
 * stream ends, fails, or stays silent for three heartbeats. After its end nothing is sent and no handler called.
 */
type State = 'opening' | 'held' | 'open' | 'closed' | 'broken';

export interface ConnectSettings {
  /** Milliseconds between what the executor says at the least; 2,000, as executors.proto has it. */
  heartbeatMs?: number;
}

type Stream = ClientDuplexStream<SessionRequest, SessionResponse>;

const MISSED_HEARTBEATS = 3;
/** How long a closed session waits for its last messages to be taken: acknowledgements, mostly, without
 *  which the executor only keeps its reports for longer. */
const CLOSE_MS = 1000;

export const connect: Connect = createConnect();

export function createConnect(settings: ConnectSettings = {}): Connect {
  return async (options) => {
    const { openChannel } = await import('./channel.ts');
    const channel = openChannel(options.address, options.token, options.tls);
    return openSession(channel, options, settings.heartbeatMs ?? 2000);
  };
}

function openSession(
  channel: Channel,
  { address, managerId, runs, handlers, timeoutMs = 5000 }: ConnectOptions,
  heartbeatMs: number,
): ReturnType<Connect> {
  const stream: Stream = channel.client.session(channel.metadata());
  const closed = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<{ session: ExecutorSession; welcome: Welcome }>();
  const sender = createSender(stream);
  let state: State = 'opening';
  let executorId = '';
  let held: (() => void)[] = [];
  let missed = 0;
  let heartbeat: NodeJS.Timeout | undefined;

  const opening = setTimeout(() => fail(new Error(`no welcome within ${timeoutMs / 1000} s`)), timeoutMs);

  stream.on('data', (message) => {
    missed = 0;
    if (state === 'opening') onFirst(message);
    else deliver(() => handle(message));
  });
  stream.on('error', (error) => fail(error));
  stream.on('end', () => fail(new Error('it ended the session')));

  stream.write(create(SessionRequestSchema, { hello: { managerId, runs } }));
  return opened.promise;

  function onFirst(message: SessionResponse): void {
    const { welcome } = message;
    if (!welcome) {
      fail(new Error('its first message was no welcome'));
      return;
    }
    executorId = welcome.executorId;
    state = 'held';
    clearTimeout(opening);
    // Counted in ticks that saw nothing, so that a manager which itself stood still does not take that for
    // the executor's silence: after a pause there is one tick, and then what had arrived.
    heartbeat = setInterval(() => {
      missed += 1;
      if (missed >= MISSED_HEARTBEATS) fail(new Error(`it was silent for ${MISSED_HEARTBEATS} heartbeats`));
    }, heartbeatMs).unref();
    opened.resolve({ session: session(welcome), welcome });
    deliver(() => handle(message));
    setImmediate(release);
  }

  function deliver(action: () => void): void {
    if (state === 'held') held.push(action);
    else if (state === 'open') action();
  }

  function release(): void {
    const waiting = held;
    held = [];
    if (state === 'held') state = 'open';
    for (const action of waiting) if (state !== 'closed') action();
  }

  /** Logs before reports: an attempt that ended has no more of them. */
  function handle(message: SessionResponse): void {
    const { logs, progress, reports, refusals, wantedFiles, load, unclaimed } = message;
    if (logs.length > 0) handlers.logs(executorId, logs);
    if (progress.length > 0) handlers.progress(executorId, progress);
    if (reports.length > 0) handlers.reports(executorId, reports);
    if (refusals.length > 0) handlers.refusals(executorId, refusals);
    if (wantedFiles.length > 0) handlers.wanted(executorId, wantedFiles);
    if (load !== undefined) handlers.load(executorId, load, unclaimed);
  }

  function fail(cause: Error): void {
    if (state === 'closed' || state === 'broken') return;
    const before = state;
    const error = executorError(address, cause);
    state = 'broken';
    clearTimeout(opening);
    clearInterval(heartbeat);
    sender.stop();
    stream.cancel();
    channel.client.close();
    closed.resolve();
    if (before === 'opening') opened.reject(error);
    else if (before === 'held') held.push(() => handlers.broken(executorId, error));
    else handlers.broken(executorId, error);
  }

  function session(welcome: Welcome): ExecutorSession {
    return {
      executorId,
      slots: welcome.slots,
      send(batch) {
        if (state === 'closed' || state === 'broken') return;
        const oversized = sender.send(batch);
        if (oversized.length > 0) {
          setImmediate(() => deliver(() => handlers.reports(executorId, oversized.map(refuseOversized))));
        }
      },
      close() {
        if (state === 'closed' || state === 'broken') return closed.promise;
        state = 'closed';
        clearInterval(heartbeat);
        const end = () => {
          clearTimeout(last);
          sender.stop();
          stream.cancel();
          channel.client.close();
          closed.resolve();
        };
        const last = setTimeout(end, CLOSE_MS);
        // The executor ends its half when it has come to the end of ours.
        stream.once('end', end).once('error', end);
        sender.end();
        return closed.promise;
      },
    };
  }
}

/** Joins what is sent in one turn of the event loop, and waits while the stream is full: what waits is kept as
 *  it was given, not as bytes. */
function createSender(stream: Stream) {
  const outbox = createOutbox();
  let full = false;
  let scheduled = false;
  let ending = false;
  let stopped = false;

  const flush = (): void => {
    scheduled = false;
    while (!stopped && !full) {
      const message = outbox.take();
      if (!message) break;
      full = !stream.write(message);
    }
    if (ending && !stopped && outbox.empty) {
      stopped = true;
      stream.end();
    }
  };
  stream.on('drain', () => {
    full = false;
    flush();
  });

  return {
    send(batch: Parameters<ExecutorSession['send']>[0]): OversizedAssignment[] {
      const oversized = outbox.add(batch);
      if (!scheduled) {
        scheduled = true;
        setImmediate(flush);
      }
      return oversized;
    },
    /** Sends what waits, then ends the manager's half of the stream. */
    end(): void {
      ending = true;
      flush();
    },
    stop(): void {
      stopped = true;
    },
  };
}

/** An assignment that no message can carry fails like one that its executor refused to start: the session
 *  would break each time it were sent. */
function refuseOversized({ runId, epoch, processor, attempt, bytes }: OversizedAssignment): RunReports {
  const mib = (value: number) => `${Math.ceil(value / 1024 / 1024)} MiB`;
  const now = Date.now();
  return create(RunReportsSchema, {
    runId,
    epoch,
    reports: [
      {
        processor,
        attempt,
        outcome: Outcome.FAILED,
        reason: 'input-too-large',
        failureClass: FailureClass.APP,
        message:
          `The input of ${processor} has ${mib(bytes)}, and at most ${mib(MAX_ASSIGNMENT_BYTES)} reach an ` +
          'executor: write large outputs to files and hand on their paths.',
        startedUnixMs: now,
        endedUnixMs: now,
      },
    ],
  });
}
