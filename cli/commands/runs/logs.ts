import type { MessageInitShape } from '@bufbuild/protobuf';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import type { LogChunk } from '../../../proto/gen/wiz/v1/executors_pb.js';
import type { StreamLogsRequestSchema } from '../../../proto/gen/wiz/v1/runs_pb.js';
import type { Api } from '../../api.ts';
import { runArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { followLogs } from '../../follow.ts';
import { write } from '../../output.ts';
import { instanceName } from '../../render/instances.ts';
import { createLineCutter, type LogLine } from '../../render/loglines.ts';
import { paintFor } from '../../render/paint.ts';

/** Lines that are written together. */
const BATCH_BYTES = 65_536;

export default class RunsLogs extends ManagerCommand {
  static override summary = 'Print what the processors of a run wrote.';
  static override description = `\
Of one processor: both streams in the order in which they came, byte for byte. With --stdout or --stderr that stream alone, whole and unchanged, on standard output. Of several processors: lines with the processor's name before them. Of a processor with \`each\` or \`matrix\` those of its instances in their order; 'parse[3]' is one of them.

Line numbers count each stream of each attempt from 1. With --json each line is {"processor","attempt","stream","line","unixMs","text"}.`;
  static override examples = [
    '<%= config.bin %> runs logs latest',
    '<%= config.bin %> runs logs latest fetch --follow',
    "<%= config.bin %> runs logs latest 'parse[3]'",
    '<%= config.bin %> runs logs 2yxAbc fetch --attempt 1 --stdout > out.bin',
  ];
  static override args = {
    run: runArg,
    processor: Args.string({
      description: "One processor, or one instance ('parse[3]'); by default all.",
      ignoreStdin: true,
    }),
  };
  static override flags = {
    follow: Flags.boolean({ char: 'f', description: 'Go on until the processor, or the run, has ended.' }),
    attempt: Flags.integer({ description: 'Which attempt; by default the newest.', min: 1, helpValue: 'N' }),
    'from-line': Flags.integer({ description: 'Lines with this number and after.', min: 1, helpValue: 'N' }),
    stdout: Flags.boolean({ description: 'Standard output alone.', exclusive: ['stderr'] }),
    stderr: Flags.boolean({ description: 'Standard error alone.', exclusive: ['stdout'] }),
    'line-numbers': Flags.boolean({ char: 'n', description: 'Print line numbers.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsLogs);
    const api = await this.api();
    const request = {
      attempt: flags.attempt ?? 0,
      streams: flags.stdout ? [LogStream.STDOUT] : flags.stderr ? [LogStream.STDERR] : [],
      fromLine: flags['from-line'] ?? 0,
      follow: flags.follow,
    };
    const { runId, processors, several } = await sourcesOf(api, args);
    const chunks = chunksOf(api, processors, { ...request, runId });
    const format = flags.json ? jsonLine : textLine({ name: several, number: flags['line-numbers'] });
    if (flags.json || several || flags['line-numbers']) await printLines(chunks, format);
    else for await (const chunk of chunks) await write(process.stdout, chunk.data);
  }
}

interface Sources {
  runId: string;
  /** Asked for one after the other; the empty name is all processors of the run. */
  processors: string[];
  /** Lines need a name before them. */
  several: boolean;
}

async function sourcesOf(api: Api, args: { run: string; processor?: string | undefined }): Promise<Sources> {
  const { processor } = args;
  if (processor === undefined || instanceName(processor)) {
    const { run } = await api.runs.getRun({ runId: args.run, summary: true });
    const { idle = 0, running = 0, failed = 0, succeeded = 0 } = run!.counts ?? {};
    const several = processor === undefined && idle + running + failed + succeeded > 1;
    return { runId: run!.runId, processors: [processor ?? ''], several };
  }
  const { run, processors } = await api.runs.getRun({ runId: args.run, instancesOf: processor });
  const instances = processors.filter(({ name }) => instanceName(name)?.processor === processor);
  if (instances.length === 0) return { runId: run!.runId, processors: [processor], several: false };
  // Those that never ran (cached, cancelled) wrote nothing.
  const tried = instances.filter(({ attempts }) => attempts.length > 0);
  return { runId: run!.runId, processors: tried.map(({ name }) => name), several: true };
}

async function* chunksOf(
  api: Api,
  processors: string[],
  request: MessageInitShape<typeof StreamLogsRequestSchema>,
): AsyncGenerator<LogChunk> {
  for (const processor of processors) yield* followLogs(api.runs, { ...request, processor });
}

async function printLines(chunks: AsyncIterable<LogChunk>, format: (line: LogLine) => Buffer): Promise<void> {
  const cutter = createLineCutter();
  let batch: Buffer[] = [];
  let bytes = 0;
  const flush = async () => {
    if (bytes > 0) await write(process.stdout, Buffer.concat(batch));
    batch = [];
    bytes = 0;
  };
  for await (const chunk of chunks) {
    for (const line of cutter.cut(chunk)) {
      const text = format(line);
      batch.push(text);
      bytes += text.length;
      if (bytes > BATCH_BYTES) await flush();
    }
    await flush();
  }
  batch = [...cutter.rest()].map(format);
  bytes = batch.reduce((sum, text) => sum + text.length, 0);
  await flush();
}

function textLine(show: { name: boolean; number: boolean }): (line: LogLine) => Buffer {
  const paint = paintFor(process.stdout);
  return ({ processor, line, text }) => {
    const number = show.number ? String(line).padStart(show.name ? 0 : 6) : '';
    const before = [show.name ? processor : '', number].filter(Boolean).join(':');
    return Buffer.concat([Buffer.from(paint.dim(`${before} | `)), text, Buffer.from('\n')]);
  };
}

function jsonLine({ text, ...line }: LogLine): Buffer {
  return Buffer.from(`${JSON.stringify({ ...line, text: Buffer.from(text).toString('utf8') })}\n`);
}
