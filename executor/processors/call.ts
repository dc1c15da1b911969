import { create } from '@bufbuild/protobuf';
import { DataSchema, LogStream, UsageSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  FailureClass,
  LogChunkSchema,
  Outcome,
  type Report,
  ReportSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { AttemptRequest, AttemptSink, RunningAttempt } from '../program/attempt.ts';
import { loadedProcessor, loadProcessor, processorNames } from './catalogue.ts';
import { fitsOutput, OUTPUT_LIMIT_BYTES } from './output-limit.ts';
import {
  type BundledProcessor,
  type ProcessorAttempt,
  ProcessorFailure,
  type ProcessorResult,
} from './processor.ts';

/**
 * Carries out an attempt of a bundled processor. Answers with the report at once when the processor is loaded,
 * needs no parsing of options, and returns a plain value; otherwise with an attempt that runs. A failure of any
 * kind is a report.
 */
export function startCall(request: AttemptRequest, sink: AttemptSink): RunningAttempt | Report {
  const call = new CallAttempt(request, sink);
  const { uses, withJson } = request.assignment.action.value as { uses: string; withJson: string };
  const processor = loadedProcessor(uses);
  if (processor?.emptyOptions === undefined || !(withJson === '' || withJson === '{}')) {
    return runningCall(call, () => runWith(uses, withJson, call));
  }
  try {
    const result = processor.run(processor.emptyOptions, call);
    if (!(result instanceof Promise)) return call.succeeded(result);
    return runningCall(call, () => result);
  } catch (error) {
    return call.failed(error);
  }
}

/** How long a processor may take to stop after its signal was aborted, when the assignment has no grace. */
const DEFAULT_GRACE_MS = 10_000;

function runningCall(call: CallAttempt, run: () => Promise<ProcessorResult>): RunningAttempt {
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
  const own = run().then(
    (result) => call.succeeded(result),
    (error) => call.failed(error),
  );
  const done = Promise.race([own, aborted.promise]).finally(() => {
    clearTimeout(timer);
    clearTimeout(graceTimer);
  });
  return { done, cancel: (reason) => abort(reason, `It was stopped: ${reason}.`) };
}

async function runWith(uses: string, withJson: string, call: CallAttempt): Promise<ProcessorResult> {
  const processor = await loadProcessor(uses);
  if (processor === undefined) {
    throw new ProcessorFailure(
      'not-found',
      `This executor has no processor "${uses}". It has ${processorNames.join(', ')}.`,
    );
  }
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
  private readonly startedUnixMs = Date.now();
  private controller: AbortController | undefined;
  private logBytes = 0;
  private logLines = 0;

  constructor(request: AttemptRequest, sink: AttemptSink) {
    this.request = request;
    this.sink = sink;
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
    return this.request.assignment.workdir;
  }
  get environment(): Record<string, string> {
    return { ...this.request.environment, ...this.request.assignment.environment };
  }
  get input(): ProcessorAttempt['input'] {
    const { inputJson } = this.request.assignment;
    return { params: {}, context: {}, outputs: {}, ...(inputJson === '' ? {} : JSON.parse(inputJson)) };
  }
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    return this.controller.signal;
  }

  abort(reason: ProcessorFailure): void {
    this.controller ??= new AbortController();
    this.controller.abort(reason);
  }

  // Bound, so that a processor may take them out of its attempt.
  readonly log = (text: string): void => this.writeLog(text);
  readonly progress = (fraction: number, message = ''): void => this.sink.progress(fraction, message);

  private writeLog(text: string): void {
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

  succeeded({ output }: ProcessorResult): Report {
    if (output === undefined) return this.report({ outcome: Outcome.SUCCEEDED });
    const json = JSON.stringify(output);
    if (!fitsOutput(json)) {
      return this.failed(
        new ProcessorFailure(
          'output-too-large',
          `The output has ${Buffer.byteLength(json)} bytes as JSON, and an output may have ${OUTPUT_LIMIT_BYTES}. Write it to a file and hand on its path.`,
        ),
      );
    }
    const data = create(DataSchema, { value: { case: 'json', value: json } });
    return this.report({ outcome: Outcome.SUCCEEDED, output: data }, Buffer.byteLength(json));
  }

  failed(error: unknown): Report {
    // An error that follows from the abort is not the reason.
    const cause = this.controller?.signal.aborted ? this.controller.signal.reason : error;
    const { reason, failureClass, message } =
      cause instanceof ProcessorFailure
        ? { reason: cause.reason, failureClass: CLASSES[cause.failureClass], message: cause.message }
        : {
            reason: 'error',
            failureClass: FailureClass.APP,
            message: String((cause as Error)?.message ?? cause),
          };
    // Shown within longer lines, like those of programs: without the full stop.
    return this.report({
      outcome: Outcome.FAILED,
      reason,
      failureClass,
      message: message.replace(/\.$/, ''),
    });
  }

  private report(
    result: Partial<Pick<Report, 'outcome' | 'reason' | 'failureClass' | 'message' | 'output'>>,
    outputBytes = 0,
  ): Report {
    const { processor, attempt, startedUnixMs, logLines, logBytes } = this;
    const inputBytes = this.request.assignment.inputJson.length;
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

const CLASSES = {
  app: FailureClass.APP,
  infra: FailureClass.INFRA,
  'rate-limited': FailureClass.RATE_LIMITED,
};
