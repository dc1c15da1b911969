import { create } from '@bufbuild/protobuf';
import { jsonData } from '../../proto/data-codec.ts';
import { LogStream, UsageSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  FailureClass,
  LogChunkSchema,
  Outcome,
  type Report,
  ReportSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { SpanName } from '../../proto/trace-context.ts';
import { knownCause } from '../data/attempt-failure.ts';
import { type AttemptInputs, prepareInputs } from '../data/attempt-inputs.ts';
import type { DataRooms } from '../data/data-rooms.ts';
import { keepValue, type Output } from '../data/kept-values.ts';
import { redactedJson } from '../data/redacted.ts';
import { type AttemptRequest, type AttemptSink, type RunningAttempt, spanOf } from '../program/attempt.ts';
import { loadedProcessor, loadProcessor, processorNames } from './catalogue.ts';
import {
  type BundledProcessor,
  type ProcessorAttempt,
  ProcessorFailure,
  type ProcessorInput,
  type ProcessorResult,
} from './processor.ts';

/**
 * Carries out an attempt of a bundled processor. Answers with the report at once when the processor is loaded,
 * needs no parsing of options, and returns a plain value; otherwise with an attempt that runs. A failure of any
 * kind is a report.
 */
export function startCall(
  request: AttemptRequest,
  sink: AttemptSink,
  data: DataRooms,
): RunningAttempt | Report {
  const call = new CallAttempt(request, sink, data);
  const { uses, withJson } = request.assignment.action.value as { uses: string; withJson: string };
  const processor = loadedProcessor(uses);
  if (processor?.emptyOptions === undefined || !(withJson === '' || withJson === '{}')) {
    return runningCall(call, async () => call.succeeded(await runWith(uses, call)));
  }
  try {
    const result = processor.run(processor.emptyOptions, call);
    const report =
      result instanceof Promise ? result.then((value) => call.succeeded(value)) : call.succeeded(result);
    return report instanceof Promise ? runningCall(call, () => report) : report;
  } catch (error) {
    return call.failed(error);
  }
}

/** How long a processor may take to stop after its signal was aborted, when the assignment has no grace. */
const DEFAULT_GRACE_MS = 10_000;

function runningCall(call: CallAttempt, run: () => Promise<Report>): RunningAttempt {
  const { timeoutMs, graceMs } = call.request.assignment;
  const aborted = Promise.withResolvers<Report>();
  let graceTimer: NodeJS.Timeout | undefined;
  const abort = (reason: string, message: string) => {
    if (call.signal.aborted) return;
    const failure = new ProcessorFailure(reason, message);
    call.abort(failure);
    // One that does not listen to its signal is not waited for longer.
    graceTimer = setTimeout(() => aborted.resolve(call.failed(failure)), graceMs || DEFAULT_GRACE_MS);
  };
  const timer =
    timeoutMs > 0
      ? setTimeout(() => abort('timeout', `It took longer than its time-out of ${timeoutMs} ms.`), timeoutMs)
      : undefined;
  const own = run().catch((error) => call.failed(error));
  const done = Promise.race([own, aborted.promise]).finally(() => {
    clearTimeout(timer);
    clearTimeout(graceTimer);
  });
  return { done, cancel: (reason) => abort(reason, `It was stopped: ${reason}.`) };
}

async function runWith(uses: string, call: CallAttempt): Promise<ProcessorResult> {
  const processor = await loadProcessor(uses);
  if (processor === undefined) {
    throw new ProcessorFailure(
      'not-found',
      `This executor has no processor "${uses}". It has ${processorNames.join(', ')}.`,
    );
  }
  const { withJson } = (await call.prepare()).action.value as { withJson: string };
  const options = await parseOptions(processor, withJson);
  call.signal.throwIfAborted();
  return processor.run(options, call);
}

const schemas = new Map<BundledProcessor, ReturnType<BundledProcessor['options']>>();

async function parseOptions(processor: BundledProcessor, withJson: string): Promise<unknown> {
  const { z } = await import('zod');
  const schema = schemas.get(processor) ?? processor.options(z);
  schemas.set(processor, schema);
  const parsed = schema.safeParse(withJson === '' ? {} : JSON.parse(withJson));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => {
    const place = ['with', ...path].join('.');
    return `${place}: ${message}`;
  });
  throw new ProcessorFailure(
    'bad-options',
    `The options of ${processor.name} are wrong. ${problems.join('; ')}`,
  );
}

/** What the processor sees; what is costly is made when it is asked for. */
class CallAttempt implements ProcessorAttempt {
  readonly request: AttemptRequest;
  private readonly sink: AttemptSink;
  private readonly data: DataRooms;
  private inputs: AttemptInputs | undefined;
  private inputBytes: number;
  private readonly startedUnixMs = Date.now();
  private controller: AbortController | undefined;
  private logBytes = 0;
  private logLines = 0;

  constructor(request: AttemptRequest, sink: AttemptSink, data: DataRooms) {
    this.request = request;
    this.sink = sink;
    this.data = data;
    this.inputBytes = request.assignment.inputJson.length;
  }

  get runId(): string {
    return this.request.runId;
  }
  get processor(): string {
    return this.request.assignment.processor;
  }
  get attempt(): number {
    return this.request.assignment.attempt;
  }
  get workdir(): string {
    return this.request.assignment.workdir || this.data.staging.of(this.runId);
  }
  get environment(): Record<string, string> {
    const { environment } = this.inputs ?? this.request.assignment;
    return { ...this.request.environment, ...environment };
  }
  get span(): SpanName | undefined {
    return spanOf(this.request);
  }
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    return this.controller.signal;
  }

  abort(reason: ProcessorFailure): void {
    this.controller ??= new AbortController();
    this.controller.abort(reason);
  }

  async prepare(): Promise<AttemptInputs> {
    const staging = this.data.staging.of(this.runId);
    this.inputs = await prepareInputs(this.request.assignment, staging, this.data, () => this.signal);
    this.request.staged?.();
    return this.inputs;
  }

  // These three may be taken out of the attempt.
  get input(): ProcessorAttempt['input'] {
    return () => this.readInput();
  }

  private async readInput(): Promise<ProcessorInput> {
    const document = (this.inputs ?? (await this.prepare())).document();
    let text = '';
    if (typeof document === 'string') text = document;
    else for await (const piece of document) text += typeof piece === 'string' ? piece : Buffer.from(piece);
    this.inputBytes = Buffer.byteLength(text);
    return JSON.parse(text);
  }
  readonly log = (text: string): void => this.writeLog(text);
  readonly progress = (fraction: number, message = ''): void =>
    this.sink.progress(fraction, this.redacted(message));

  private writeLog(line: string): void {
    const text = this.redacted(line);
    const data = Buffer.from(text.endsWith('\n') ? text : `${text}\n`);
    const { runId, processor, attempt } = this;
    this.sink.log(
      create(LogChunkSchema, {
        runId,
        processor,
        attempt,
        stream: LogStream.STDOUT,
        offset: this.logBytes,
        line: this.logLines + 1,
        data,
        unixMs: Date.now(),
      }),
    );
    this.logBytes += data.length;
    this.logLines += text.replace(/\n$/, '').split('\n').length;
  }

  private redacted(text: string): string {
    return this.inputs?.secrets?.redactText(text) ?? text;
  }

  succeeded({ output }: ProcessorResult): Report | Promise<Report> {
    if (output === undefined) return this.report({ outcome: Outcome.SUCCEEDED });
    const secrets = this.inputs?.secrets;
    let json = JSON.stringify(output);
    if (secrets !== undefined) json = redactedJson(json, secrets);
    const kept = keepValue(jsonData(json), this.data.files.store);
    return kept instanceof Promise
      ? kept.then((stored) => this.reportOutput(stored))
      : this.reportOutput(kept);
  }

  private reportOutput({ data, bytes }: Output): Report {
    return this.report({ outcome: Outcome.SUCCEEDED, output: data }, bytes);
  }

  failed(error: unknown): Report {
    // An error that follows from the abort is not the reason.
    const cause = this.controller?.signal.aborted ? this.controller.signal.reason : error;
    const { reason, failureClass, message } = explained(cause);
    // Shown within longer lines, like those of programs: without the full stop.
    return this.report({
      outcome: Outcome.FAILED,
      reason,
      failureClass,
      message: this.redacted(message.replace(/\.$/, '')),
    });
  }

  private report(
    result: Partial<Pick<Report, 'outcome' | 'reason' | 'failureClass' | 'message' | 'output'>>,
    outputBytes = 0,
  ): Report {
    const { processor, attempt, startedUnixMs, logLines, logBytes, inputBytes } = this;
    const report = create(ReportSchema, {
      processor,
      attempt,
      startedUnixMs,
      endedUnixMs: Date.now(),
      logLines,
      ...result,
    });
    // All zero says nothing and would travel with each of 100,000 no-ops.
    if (inputBytes + outputBytes + logBytes > 0) {
      report.usage = create(UsageSchema, { inputBytes, outputBytes, stdoutBytes: logBytes });
    }
    return report;
  }
}

function explained(error: unknown): { reason: string; failureClass: FailureClass; message: string } {
  if (error instanceof ProcessorFailure) {
    return { reason: error.reason, failureClass: CLASSES[error.failureClass], message: error.message };
  }
  const message = String((error as Error)?.message ?? error);
  const { reason, infra } = knownCause(error) ?? { reason: 'error' };
  return { reason, failureClass: infra ? FailureClass.INFRA : FailureClass.APP, message };
}

const CLASSES = {
  app: FailureClass.APP,
  infra: FailureClass.INFRA,
  'rate-limited': FailureClass.RATE_LIMITED,
};
