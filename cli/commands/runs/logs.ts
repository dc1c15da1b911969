import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import type { LogChunk } from '../../../proto/gen/wiz/v1/executors_pb.js';
import { runArg } from '../../arguments.ts';
import { jsonFlag, WizCommand } from '../../command.ts';
import { followLogs } from '../../follow.ts';
import { write } from '../../output.ts';
import { createLineCutter, type LogLine } from '../../render/loglines.ts';
import { paintFor } from '../../render/paint.ts';

/** Lines that are written together. */
const BATCH_BYTES = 65_536;

export default class RunsLogs extends WizCommand {
  static override summary = 'Print what the processors of a run wrote.';
  static override description = `\
Of one processor: both streams in the order in which they came, byte for byte. With --stdout or --stderr that stream alone, whole and unchanged, on standard output. Of several processors: lines with the processor's name before them.

Line numbers count each stream of each attempt from 1. With --json each line is {"processor","attempt","stream","line","unixMs","text"}.`;
  static override examples = [
    '<%= config.bin %> runs logs latest',
    '<%= config.bin %> runs logs latest fetch --follow',
    '<%= config.bin %> runs logs 2yxAbc fetch --attempt 1 --stdout > out.bin',
  ];
  static override args = {
    run: runArg,
    processor: Args.string({
      description: 'One processor; by default all.',
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
    const { run } = await api.runs.getRun({ runId: args.run, summary: true });
    const counts = run!.counts;
    const several =
      args.processor === undefined &&
      counts !== undefined &&
      counts.idle + counts.running + counts.failed + counts.succeeded > 1;
    const chunks = followLogs(api.runs, {
      runId: run!.runId,
      processor: args.processor ?? '',
      attempt: flags.attempt ?? 0,
      streams: flags.stdout ? [LogStream.STDOUT] : flags.stderr ? [LogStream.STDERR] : [],
      fromLine: flags['from-line'] ?? 0,
      follow: flags.follow,
    });
    const format = flags.json ? jsonLine : textLine({ name: several, number: flags['line-numbers'] });
    if (flags.json || several || flags['line-numbers']) await printLines(chunks, format);
    else for await (const chunk of chunks) await write(process.stdout, chunk.data);
  }
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
