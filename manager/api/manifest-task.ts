import { base64 } from '../../proto/data.ts';
import type { CacheDecision, Data, File } from '../../proto/gen/wiz/v1/data_pb.js';
import { DataForm } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { AttemptRecord, Task } from '../graph/processor-node.ts';
import { timesOf } from './attempt-times.ts';
import type {
  ManifestAttempt,
  ManifestCache,
  ManifestFile,
  ManifestInstance,
  ManifestValue,
} from './manifest-schema.ts';
import { waitReason } from './run-view.ts';

/** What processors and instances have in common, as a manifest has it; the output is apart, see `valueJson`. */
export type TaskAccount = Omit<ManifestInstance, 'index' | 'output'>;

const STATES = {
  [ProcessorState.UNSPECIFIED]: 'Idle',
  [ProcessorState.IDLE]: 'Idle',
  [ProcessorState.RUNNING]: 'Running',
  [ProcessorState.FAILED]: 'Failed',
  [ProcessorState.SUCCEEDED]: 'Succeeded',
} as const;

const CLASSES = {
  [FailureClass.UNSPECIFIED]: undefined,
  [FailureClass.APP]: 'app',
  [FailureClass.INFRA]: 'infra',
  [FailureClass.PREEMPTED]: 'preempted',
  [FailureClass.RATE_LIMITED]: 'rate-limited',
  [FailureClass.BUDGET]: 'budget',
  [FailureClass.POISON]: 'poison',
} as const;

const CONTENTS = {
  [DataForm.UNSPECIFIED]: 'bytes',
  [DataForm.JSON]: 'json',
  [DataForm.TEXT]: 'text',
  [DataForm.LINES]: 'lines',
  [DataForm.BYTES]: 'bytes',
  [DataForm.PROTOBUF]: 'protobuf',
} as const;

/** ISO 8601; null for 0, which is a time that is not known. */
export function timeOf(unixMs: number): string | null {
  if (unixMs === 0) return null;
  const second = Math.floor(unixMs / 1000);
  // Of many instances most times are in the same second: a fifth of the whole cost otherwise.
  if (second !== lastSecond) {
    lastSecond = second;
    beginning = new Date(second * 1000).toISOString().slice(0, -4);
  }
  const ms = Math.floor(unixMs) - second * 1000;
  return `${beginning}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
}

let lastSecond = Number.NaN;
let beginning = '';

export function taskAccount(runId: string, task: Task): TaskAccount {
  const { progress, progressMessage, settled, retryAt } = task;
  const reported = progress >= 0 || progressMessage !== '';
  return {
    name: task.name,
    state: STATES[task.state],
    reason: task.reason || waitReason(task),
    message: task.message || undefined,
    warning: task.warning || undefined,
    retryAt: (settled ? null : timeOf(retryAt)) ?? undefined,
    progress: reported
      ? { fraction: progress >= 0 ? Math.min(1, progress) : null, message: progressMessage }
      : undefined,
    attempts: task.attempts.map((record) => attemptAccount(runId, task, record)),
    cache: cacheOf(task.cache),
    contextAdded: task.added,
    files: task.files?.map(fileOf) ?? [],
  };
}

function attemptAccount(runId: string, task: Task, record: AttemptRecord): ManifestAttempt {
  const { attempt, report } = record;
  const usage = report?.usage;
  const { queueMs, runMs, startedMs, endedMs } = timesOf(record);
  return {
    attempt,
    state: STATES[record.state] as ManifestAttempt['state'],
    reason: record.reason,
    message: report?.message || undefined,
    failureClass: CLASSES[report?.failureClass ?? FailureClass.UNSPECIFIED],
    executor: record.executorId,
    queuedAt: timeOf(record.readyMs),
    assignedAt: timeOf(record.assignedMs)!,
    startedAt: timeOf(startedMs),
    endedAt: timeOf(endedMs),
    queueMs,
    runMs,
    userCpuMs: usage?.userCpuMs ?? null,
    systemCpuMs: usage?.systemCpuMs ?? null,
    peakMemoryBytes: usage?.peakMemoryBytes || null,
    inputBytes: usage?.inputBytes ?? null,
    outputBytes: usage?.outputBytes ?? null,
    stdoutBytes: usage?.stdoutBytes ?? null,
    stderrBytes: usage?.stderrBytes ?? null,
    logLines: report?.logLines ?? null,
    exitCode: exitCodeOf(task, record),
    signal: report?.signal || undefined,
    cache: cacheOf(record.cache),
    inputs: record.inputs?.map(fileOf),
    log: mayHaveLog(record) ? logCommand(runId, task.name, attempt) : undefined,
  };
}

/** Reports have 0 too where there was no program, or none that exited. */
function exitCodeOf({ node }: Task, { report, state }: AttemptRecord): number | null {
  if (report === undefined || report.signal !== '' || node.spec.action.kind === 'call') return null;
  const exited = report.exitCode !== 0 || state === ProcessorState.SUCCEEDED || report.reason === 'exit-code';
  return exited ? report.exitCode : null;
}

/** One that runs, or was lost, may have written what no report counts. */
function mayHaveLog({ report }: AttemptRecord): boolean {
  const usage = report?.usage;
  return usage === undefined ? report === undefined : usage.stdoutBytes + usage.stderrBytes > 0;
}

function logCommand(runId: string, name: string, attempt: number): string {
  // Brackets mean something to a shell.
  const quoted = name.includes('[') ? `'${name}'` : name;
  return `wiz runs logs ${runId} ${quoted} --attempt ${attempt}`;
}

export function fileOf({ name, hash, size, mediaType, folder }: File): ManifestFile {
  return { name, hash, size, mediaType, folder };
}

function cacheOf(decision: CacheDecision | undefined): ManifestCache | undefined {
  if (decision === undefined) return undefined;
  const { verdict, reason, key, runId, attempt } = decision;
  return {
    verdict: verdict as ManifestCache['verdict'],
    reason,
    key,
    ...(runId !== '' && { runId, attempt }),
  };
}

/** A value as JSON text. JSON that a program gave goes in as it is, unless it is none. */
export function valueJson(data: Data | undefined): string {
  if (data?.value.case === 'json' && isJson(data.value.value)) {
    return `{"form":"json","value":${data.value.value}}`;
  }
  return JSON.stringify(valueAccount(data));
}

function valueAccount(data: Data | undefined): ManifestValue | null {
  if (data === undefined) return null;
  const { case: form, value } = data.value;
  switch (form) {
    case 'json':
    case 'text':
      return { form: 'text', text: value };
    case 'bytes':
      return { form, base64: base64(value), mediaType: data.mediaType };
    case 'any':
      return { form, typeUrl: value.typeUrl, base64: base64(value.value) };
    case 'file':
      return { form, content: CONTENTS[data.form], file: fileOf(value) };
    case undefined:
      return null;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
