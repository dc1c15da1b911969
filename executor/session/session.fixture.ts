import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  type DrainResponse,
  ExecutorService,
  FailureClass,
  LogChunkSchema,
  Outcome,
  type Report,
  ReportSchema,
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
  type StopResponse,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { type GrpcClient, grpcClient } from '../../proto/grpc.ts';
import { openRemoteTestRooms } from '../data/data-rooms.fixture.ts';
import { startCall } from '../processors/call.ts';
import { describeProcessors, takesSlot } from '../processors/catalogue.ts';
import type { AttemptRequest, AttemptSink } from '../program/attempt.ts';
import { type ExecutorOptions, startExecutor } from './executor.ts';

export const TOKEN = 'the-token';
export const RUN = '2QyDQ6jBfBrW5vZ9qXo2LkFh3aa';

/** A program whose every step the test decides. */
export class FakeProgram {
  readonly request: AttemptRequest;
  readonly cancelled: string[] = [];
  /** The promise of the last log call, while the program would have to wait. */
  waiting: Promise<void> | undefined;
  private readonly sink: AttemptSink;
  private readonly report = Promise.withResolvers<Report>();
  private offset = 0;
  private line = 1;

  constructor(request: AttemptRequest, sink: AttemptSink) {
    this.request = request;
    this.sink = sink;
  }

  get done(): Promise<Report> {
    return this.report.promise;
  }

  log(text: string): void {
    const data = Buffer.from(text);
    const { runId, assignment } = this.request;
    const { processor, attempt } = assignment;
    this.waiting = this.sink.log(
      create(LogChunkSchema, {
        runId,
        processor,
        attempt,
        stream: LogStream.STDOUT,
        offset: this.offset,
        line: this.line,
        data,
        unixMs: 1,
      }),
    );
    this.offset += data.length;
    this.line += text.split('\n').length - 1;
  }

  progress(fraction: number, message: string): void {
    this.sink.progress(fraction, message);
  }

  end(outcome = Outcome.SUCCEEDED, reason = ''): void {
    const { processor, attempt } = this.request.assignment;
    const failureClass = outcome === Outcome.FAILED ? FailureClass.APP : FailureClass.UNSPECIFIED;
    this.report.resolve(create(ReportSchema, { processor, attempt, outcome, reason, failureClass }));
  }

  cancel(reason: string): void {
    this.cancelled.push(reason);
    this.end(Outcome.FAILED, reason);
  }
}

/** Serves the session with programs that the test plays; ended with the test. */
export async function testExecutor(t: TestContext, options: Partial<ExecutorOptions> = {}) {
  const home = mkdtempSync(join(tmpdir(), 'wiz-session-'));
  const data = await openRemoteTestRooms(home, 'executor-under-test');
  const runsEnded: { runId: string; keep: boolean }[] = [];
  const started: FakeProgram[] = [];
  const closers: (() => void)[] = [];
  let onStart = () => {};
  const executor = await startExecutor({
    address: `unix:${home}/folder/socket`,
    token: TOKEN,
    id: 'executor-under-test',
    version: '1.2.3',
    slots: 2,
    home,
    warmMs: 0,
    orphanMs: 0,
    programs: {
      start(request, sink) {
        const program = new FakeProgram(request, sink);
        started.push(program);
        onStart();
        return program;
      },
    },
    files: data.exchange,
    runEnded: (runId, keep) => runsEnded.push({ runId, keep }),
    calls: {
      start: (request, sink) => startCall(request, sink, data),
      takesSlot,
      describe: describeProcessors,
    },
    ...options,
  }).catch((error) => {
    rmSync(home, { recursive: true });
    throw error;
  });
  t.after(async () => {
    for (const close of closers.reverse()) close();
    executor.stop();
    await executor.ended;
    rmSync(home, { recursive: true, force: true });
  });
  function newClient(channel = credentials.createInsecure()): Client {
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    const client = grpcClient(ExecutorService, executor.address, channel, options);
    closers.push(() => client.close());
    return client;
  }
  return {
    ...executor,
    home,
    data,
    started,
    runsEnded,
    client: newClient,
    /** A manager with a connection of its own, or with that of another. */
    manager(client = newClient()): TestManager {
      const manager = new TestManager(client);
      closers.push(() => manager.stream.cancel());
      return manager;
    },
    /** The program of that attempt, once it was started. */
    async program(processor: string, attempt = 1): Promise<FakeProgram> {
      for (;;) {
        const found = started.find(
          ({ request: { assignment } }) =>
            assignment.processor === processor && assignment.attempt === attempt,
        );
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          onStart = resolve;
        });
      }
    },
  };
}

export type Client = GrpcClient<(typeof ExecutorService)['method']>;

export function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

/** The manager's end of a session: what came, in order, and what the test sends. */
export class TestManager {
  readonly received: SessionResponse[] = [];
  error: ServiceError | undefined;
  readonly stream: ReturnType<Client['session']>;
  private changed = () => {};

  constructor(client: Client) {
    this.stream = client.session(bearer(TOKEN));
    this.stream.on('data', (message: SessionResponse) => {
      this.received.push(message);
      this.changed();
    });
    this.stream.on('error', (error: ServiceError) => {
      this.error = error;
      this.changed();
    });
    this.stream.on('end', () => this.changed());
  }

  send(batch: MessageInitShape<typeof SessionRequestSchema>): void {
    this.stream.write(create(SessionRequestSchema, batch) as SessionRequest);
  }

  /** Says hello and waits for the welcome. */
  async hello(runs: { runId: string; epoch: number }[] = []) {
    this.send({ hello: { managerId: 'manager-1', runs } });
    return (await this.until(() => this.received.find(({ welcome }) => welcome)))!.welcome!;
  }

  program(processor: string, options: { attempt?: number; epoch?: number; runId?: string } = {}): void {
    const { attempt = 1, epoch = 1, runId = RUN } = options;
    const action = { case: 'program' as const, value: { argv: ['true'] } };
    this.send({
      assignments: [{ runId, epoch, pipeline: 'p', assignments: [{ processor, attempt, action }] }],
    });
  }

  call(processor: string, uses: string, options: object = {}, runId = RUN): void {
    const action = { case: 'call' as const, value: { uses, withJson: JSON.stringify(options) } };
    this.send({
      assignments: [{ runId, epoch: 1, pipeline: 'p', assignments: [{ processor, attempt: 1, action }] }],
    });
  }

  ack(processor: string, { attempt = 1, epoch = 1 } = {}): void {
    this.send({ acks: [{ runId: RUN, epoch, attempts: [{ processor, attempt }] }] });
  }

  ackLog(processor: string, offset: number): void {
    this.send({ logAcks: [{ runId: RUN, processor, attempt: 1, stream: LogStream.STDOUT, offset }] });
  }

  /** The first value that is not empty, asked again after each message; rejects when the stream broke. */
  async until<T>(ask: () => T | undefined | false): Promise<T> {
    for (;;) {
      const answer = ask();
      if (answer) return answer;
      if (this.error) throw this.error;
      await new Promise<void>((resolve) => {
        this.changed = resolve;
      });
    }
  }

  reports(): { processor: string; epoch: number; report: Report }[] {
    return this.received.flatMap(({ reports }) =>
      reports.flatMap(({ epoch, reports }) =>
        reports.map((report) => ({ processor: report.processor, epoch, report })),
      ),
    );
  }

  report(processor: string) {
    return this.until(() => this.reports().find((entry) => entry.processor === processor));
  }

  logs() {
    return this.received.flatMap(({ logs }) => logs);
  }

  text(): string {
    return this.logs()
      .map(({ data }) => Buffer.from(data).toString())
      .join('');
  }

  /** As it was told last. */
  load() {
    return this.received.findLast(({ load }) => load)?.load;
  }

  /** As they were told last. */
  unclaimed() {
    return this.received.findLast(({ load }) => load)?.unclaimed ?? [];
  }

  refusals() {
    return this.received.flatMap(({ refusals }) => refusals);
  }

  /** Breaks the stream as a lost connection would. */
  async breakOff(): Promise<void> {
    const broken = this.until(() => this.error);
    this.stream.cancel();
    await broken;
  }

  /** Ends the stream in good order. */
  async end(): Promise<void> {
    this.stream.end();
    await once(this.stream, 'end');
  }
}

export function stopCall(client: Client, force: boolean): Promise<StopResponse> {
  return new Promise((resolve, reject) => {
    client.stop({ $typeName: 'wiz.v1.StopRequest', force }, bearer(TOKEN), {}, (error, response) =>
      error ? reject(error) : resolve(response!),
    );
  });
}

export function drainCall(client: Client, undo = false): Promise<DrainResponse> {
  return new Promise((resolve, reject) => {
    client.drain({ $typeName: 'wiz.v1.DrainRequest', undo }, bearer(TOKEN), {}, (error, response) =>
      error ? reject(error) : resolve(response!),
    );
  });
}
