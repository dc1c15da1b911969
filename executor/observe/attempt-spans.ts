import { Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Spans } from '../../proto/spans.ts';
import type { SpanName } from '../../proto/trace-context.ts';
import { type AttemptRequest, type AttemptSink, type RunningAttempt, spanOf } from '../program/attempt.ts';

type Start<Started> = (request: AttemptRequest, sink: AttemptSink) => Started;

/**
 * What starts attempts, with two spans for each that is traced: `staging`, while files and secrets are fetched and inputs
 * written, and what is done then. Both are children of the attempt's span, which is the manager's.
 */
export function tracingAttempts(spans: Spans, executorId: string) {
  return <Started extends RunningAttempt | Report>(start: Start<Started>): Start<Started> =>
    (request, sink) => {
      const parent = spanOf(request);
      if (parent === undefined) return start(request, sink);
      const startMs = Date.now();
      let stagedMs: number | undefined;
      request.staged = () => {
        stagedMs ??= Date.now();
      };
      const started = start(request, sink);
      const ended = (report: Report) =>
        add(spans, { parent, request, report, startMs, stagedMs, executorId });
      if ('done' in started) void started.done.then(ended);
      else ended(started);
      return started;
    };
}

interface Ended {
  parent: SpanName;
  request: AttemptRequest;
  report: Report;
  startMs: number;
  /** Undefined when it had nothing to fetch, or did not get so far. */
  stagedMs: number | undefined;
  executorId: string;
}

function add(spans: Spans, { parent, request, report, startMs, stagedMs, executorId }: Ended): void {
  const { runId, pipeline, assignment } = request;
  const attributes = {
    'wiz.run': runId,
    'wiz.pipeline': pipeline,
    'wiz.processor': assignment.processor,
    'wiz.attempt': assignment.attempt,
    'wiz.executor': executorId,
  };
  if (stagedMs !== undefined) spans.add({ name: 'staging', parent, startMs, endMs: stagedMs, attributes });
  const hasFailed = report.outcome === Outcome.FAILED;
  spans.add({
    name: nameOf(assignment.action),
    parent,
    startMs: stagedMs ?? startMs,
    endMs: report.endedUnixMs,
    error: hasFailed ? report.message || report.reason : undefined,
    attributes: {
      ...attributes,
      'wiz.reason': report.reason || undefined,
      'process.exit.code': assignment.action.case === 'call' ? undefined : report.exitCode,
      'wiz.signal': report.signal || undefined,
      'wiz.log_lines': report.logLines,
    },
  });
}

function nameOf(action: AttemptRequest['assignment']['action']): string {
  return action.case === 'call' ? action.value.uses : (action.case ?? 'nothing');
}
