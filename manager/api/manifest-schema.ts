import { z } from 'zod';

/**
 * The shape of a manifest, the account of a run: the schema that `wiz schema manifest` publishes, and the types that
 * what writes it is held against. Whoever reads one may count on every key that is not optional; an optional one is
 * left out when there is nothing to say.
 */

/** Grows with every change of the keys: the schema refuses what it does not know. */
export const MANIFEST_VERSION = 1;

const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .meta({ id: 'time', format: 'date-time', description: 'ISO 8601, UTC, to the millisecond.' });
const json = z.unknown().meta({ id: 'json', description: 'Any JSON value.' });
const reached = (what: string) => time.nullable().describe(`${what}; null when not yet, or unknown.`);
const ms = z.number().min(0);
const measured = (what: string) => z.number().min(0).nullable().describe(`${what}; null when not known.`);
const whole = z.int().min(0);
const texts = z.record(z.string(), z.string());

const runState = z.enum(['Running', 'Failed', 'Succeeded']);
const state = z.enum(['Idle', 'Running', 'Failed', 'Succeeded']);
const reason = z
  .string()
  .describe('Why it is in its state, in kebab-case; empty when the state says it all.');
const message = z.string().optional().describe('A sentence for people.');

const file = z
  .strictObject({
    name: z.string().describe('Path below the processor that left it.'),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('SHA-256 of the content, or of the tree of a folder.'),
    size: z.number().min(0).describe('Bytes.'),
    mediaType: z.string(),
    folder: z.boolean(),
  })
  .meta({ id: 'file', description: 'A Wiz File.' });

const value = z
  .union([
    z.strictObject({ form: z.literal('json'), value: json }),
    z.strictObject({ form: z.literal('text'), text: z.string() }),
    z.strictObject({ form: z.literal('bytes'), base64: z.string(), mediaType: z.string() }),
    z.strictObject({ form: z.literal('any'), typeUrl: z.string(), base64: z.string() }),
    z.strictObject({
      form: z.literal('file'),
      content: z.enum(['json', 'text', 'lines', 'bytes', 'protobuf']).describe('What the file holds.'),
      file,
    }),
  ])
  .meta({ id: 'value', description: 'An output value; one over 256 KiB is a file.' });

const cache = z
  .strictObject({
    verdict: z.enum(['reused', 'missed', 'bypassed']),
    reason: z.string().describe('For people: what is the same, or what changed.'),
    key: z.string().describe('SHA-256 of all that the result depends on.'),
    runId: z.string().optional().describe('The run whose result was reused.'),
    attempt: whole.optional().describe('The attempt of that run.'),
  })
  .meta({ id: 'cache', description: 'What the cache decided. Absent without a cache.' });

const counts = z
  .strictObject({ idle: whole, running: whole, failed: whole, succeeded: whole })
  .meta({ id: 'counts', description: 'How many are in each state.' });

const totals = z
  .strictObject({
    attempts: whole,
    queueMs: ms.describe('Time that attempts waited, all together.'),
    runMs: ms.describe('Time that attempts took, all together.'),
    userCpuMs: ms,
    systemCpuMs: ms,
    peakMemoryBytes: z.number().min(0).describe('Of the attempt that had most; 0 when none was measured.'),
    inputBytes: z.number().min(0),
    outputBytes: z.number().min(0),
    stdoutBytes: z.number().min(0),
    stderrBytes: z.number().min(0),
    logLines: z.number().min(0),
  })
  .meta({ id: 'totals', description: 'Attempts that have ended, added up.' });

const attempt = z
  .strictObject({
    attempt: z.int().min(1),
    state: z.enum(['Running', 'Failed', 'Succeeded']),
    reason,
    message,
    failureClass: z
      .enum(['app', 'infra', 'preempted', 'rate-limited', 'budget', 'poison'])
      .optional()
      .describe('Of a failure: who pays for the next attempt.'),
    executor: z.string().describe('Id of the executor that had it.'),
    queuedAt: reached('When it could first have been started'),
    assignedAt: time.describe('When it was given to the executor.'),
    startedAt: reached('When the executor started it'),
    endedAt: reached('When it ended'),
    queueMs: measured('From queued to started'),
    runMs: measured('From started to ended'),
    userCpuMs: measured('Processor time of the program itself'),
    systemCpuMs: measured('Processor time of the system for it'),
    peakMemoryBytes: measured('Largest resident memory'),
    inputBytes: measured('Size of its inputs'),
    outputBytes: measured('Size of its output value'),
    stdoutBytes: measured('What it wrote to standard output'),
    stderrBytes: measured('What it wrote to standard error'),
    logLines: measured('Lines of both'),
    exitCode: z.int().nullable().describe('Null for what is no program or did not exit by itself.'),
    signal: z.string().optional().describe('The signal that ended the program.'),
    cache: cache.optional(),
    inputs: z.array(file).optional().describe('Wiz Files that it was given.'),
    log: z.string().optional().describe('The command that prints its log. Absent when it wrote nothing.'),
  })
  .meta({ id: 'attempt' });

const task = {
  name: z.string(),
  state,
  reason,
  message,
  warning: z.literal(true).optional().describe('It failed, and onFailure: warn let the run go on.'),
  retryAt: time.optional().describe('When the next attempt may start.'),
  progress: z
    .strictObject({
      fraction: z.number().min(0).max(1).nullable().describe('Null when only a message was reported.'),
      message: z.string(),
    })
    .optional()
    .describe('What it last reported.'),
  attempts: z.array(attempt),
  cache: cache.optional(),
  contextAdded: texts.optional().describe('What it added to the context.'),
  files: z.array(file).describe('What it left in WIZ_FILES.'),
  output: value.nullable().describe('Null when there is none; of a processor with instances see theirs.'),
};

const instance = z
  .strictObject({ ...task, index: whole.describe('Place of its item in the list, from 0.') })
  .meta({ id: 'instance', description: 'One of the instances of a processor with each or matrix.' });

const processor = z
  .strictObject({
    ...task,
    description: z.string(),
    action: z.string().describe('script, program, or the name of the bundled processor.'),
    needs: z.array(z.string()),
    queuedAt: reached('When its needs let it go'),
    startedAt: reached('When its first attempt started'),
    endedAt: reached('When its last attempt ended'),
    totals: totals.describe('Over its attempts and those of its instances.'),
    counts: counts.optional().describe('Of its instances.'),
    instances: z.array(instance).optional().describe('In the order of the list; absent until it is known.'),
  })
  .meta({ id: 'processor' });

export const manifestSchema = z
  .strictObject({
    schemaVersion: z.literal(MANIFEST_VERSION),
    wizVersion: z.string(),
    writtenAt: time,
    lastEvent: whole.describe('Number of the last event of the journal that is told here.'),
    runId: z.string(),
    pipeline: z.string(),
    version: whole.describe('Version of the pipeline; 0 for a file or a program that was never applied.'),
    description: z.string(),
    state: runState,
    reason,
    message,
    cancel: z
      .strictObject({ message: z.string() })
      .optional()
      .describe('It was asked to end before its time, and why.'),
    createdAt: time,
    startedAt: reached('When its first attempt started'),
    endedAt: reached('When the run ended'),
    durationMs: ms.describe('From created to ended, or until now.'),
    labels: texts,
    params: z.record(z.string(), json),
    context: texts.describe('What the run began with.'),
    warnings: z.array(z.string()),
    counts: z.strictObject({
      processors: counts,
      skipped: whole.describe('Of the idle processors.'),
      cached: whole.describe('Of the succeeded processors and instances.'),
      instances: counts.describe('Of all processors together.'),
    }),
    totals,
    outputs: z
      .strictObject({
        files: z.array(
          z.strictObject({ path: z.string(), processor: z.string(), file }).describe('Kept under its path.'),
        ),
        records: z.array(z.strictObject({ table: z.string(), processor: z.string(), rows: whole })),
      })
      .describe('What the run keeps, by outputs of the pipeline.'),
    links: z
      .strictObject({
        logs: z.string(),
        files: z.string(),
        staging: z.string(),
        manifest: z.string(),
        folder: z.string().describe("Absolute path of the run's folder on the manager's machine."),
      })
      .describe('Commands that show more.'),
    processors: z.array(processor).describe('In the order of the file.'),
  })
  .meta({ title: 'Manifest of a run of wiz' });

type Schema<T extends z.ZodType> = z.output<T>;
export type ManifestFile = Schema<typeof file>;
export type ManifestValue = Schema<typeof value>;
export type ManifestCache = Schema<typeof cache>;
export type ManifestCounts = Schema<typeof counts>;
export type ManifestTotals = Schema<typeof totals>;
export type ManifestAttempt = Schema<typeof attempt>;
export type ManifestInstance = Schema<typeof instance>;
export type ManifestProcessor = Schema<typeof processor>;
export type Manifest = Schema<typeof manifestSchema>;

/** The JSON Schema (draft 2020-12) of a manifest. */
export function manifestJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(manifestSchema, { target: 'draft-2020-12' }) as Record<string, unknown>;
}
