import { constants } from 'node:os';
import * as Flags from '@oclif/core/flags';
import { LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Api } from '../api.ts';
import { BY_CTRL_C, whenTold } from '../attend.ts';
import { executorFlags, executorFrom, ManagerCommand } from '../command.ts';
import { followLogs } from '../follow.ts';
import { milliseconds } from '../milliseconds.ts';
import { note, onBrokenPipe, print, write } from '../output.ts';
import { pairs } from '../pairs.ts';
import { parentContext } from '../parent-context.ts';
import { UNREACHABLE, UsageError } from '../usage.ts';

/** Exit codes that shells give: timeout(1), command not found, and 128 and a signal's number. */
const TIMED_OUT = 124;
const NOT_FOUND = 127;
const BROKEN_PIPE = 128 + constants.signals.SIGPIPE;
const INTERRUPTED = 128 + constants.signals.SIGINT;

export default class Exec extends ManagerCommand {
  static override summary = 'Run one program without a pipeline file.';
  static override description = `\
The program runs in this folder on an executor, as a run of its own that \`wiz runs\` shows. Its standard output and error come out here as they are, while it runs. It has this shell's environment, unless it runs elsewhere: on an executor that --executor names, or for a daemon. A daemon runs it in its staging folder when this folder is not on its machine. Standard input is not passed on.

The exit code is the program's: 128 and the signal's number when a signal ended it, 124 after a time-out, 127 when there is no such program, 130 when it was cancelled, 3 when it could not be run.

The first Ctrl-C ends the program, the second leaves it to a background manager, or to the daemon.`;
  static override examples = [
    '<%= config.bin %> exec -- uname -a',
    '<%= config.bin %> exec --timeout 10m --env TARGET=all -- make -j8',
    '<%= config.bin %> exec --detach -- ./train.sh',
  ];
  static override strict = false;
  static override usage = 'exec [FLAGS] -- PROGRAM [ARGUMENT]...';
  static override flags = {
    timeout: Flags.string({
      description: 'End the program after this time, for example 30s, 10m or 1h30m.',
      helpValue: 'TIME',
    }),
    env: Flags.string({
      char: 'e',
      description: "Environment of the program; a KEY alone passes this shell's value on.",
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'KEY[=value]',
    }),
    label: Flags.string({
      char: 'l',
      description: 'Label of the run.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'key=value',
    }),
    detach: Flags.boolean({
      char: 'd',
      description: "Leave the run to a background manager; print the run's id.",
    }),
    ...executorFlags,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Exec);
    if (argv.length === 0)
      throw new UsageError('there is no program to run', 'For example: wiz exec -- uname -a');
    const adHoc = {
      argv: argv as string[],
      workdir: process.cwd(),
      timeoutMs: flags.timeout === undefined ? 0 : milliseconds('--timeout', flags.timeout),
      environment: pairs('--env', flags.env?.map(withValue)),
    };
    const executor = await executorFrom(flags);
    const api = await this.api({ needsExecutor: !flags.detach, executor });
    const starting = api.runs
      .startRun({
        target: { case: 'adHoc', value: adHoc },
        labels: pairs('--label', flags.label),
        detach: flags.detach,
        parentContext: parentContext(process.env),
      })
      .then(({ run }) => run!.runId);
    if (flags.detach) print(await starting);
    else process.exitCode = await passThrough(api, starting);
  }
}

/** A KEY alone gets this process's value. */
function withValue(word: string): string {
  if (word.includes('=')) return word;
  const value = process.env[word];
  if (value === undefined) throw new UsageError(`--env ${word}: this shell has no ${word}`);
  return `${word}=${value}`;
}

/** Prints what the program writes until it has ended; returns the exit code. */
async function passThrough(api: Api, starting: Promise<string>): Promise<number> {
  const cancel = (message: string) => {
    starting.then((runId) => api.runs.cancelRun({ runId, message })).catch(() => {});
  };
  using leaving = whenTold({ cancel: () => cancel(BY_CTRL_C) });
  const runId = await starting;
  let brokenPipe = false;
  onBrokenPipe(() => {
    if (!brokenPipe) cancel('nobody reads its output any more');
    brokenPipe = true;
  });
  const printed = printLogs(api, runId).then(() => exitCodeOf(api, runId));
  const left = await Promise.race([printed.then(() => undefined), leaving.exitCode]);
  if (left !== undefined) {
    printed.catch(() => {});
    note(`wiz: The program goes on without this terminal: wiz runs logs ${runId} --follow`);
    await api.close({ handOver: true });
    return left;
  }
  return brokenPipe ? BROKEN_PIPE : await printed;
}

async function printLogs(api: Api, runId: string): Promise<void> {
  for await (const { stream, data } of followLogs(api.runs, { runId, follow: true })) {
    await write(stream === LogStream.STDERR ? process.stderr : process.stdout, data);
  }
}

async function exitCodeOf(api: Api, runId: string): Promise<number> {
  const { run, processors } = await api.runs.getRun({ runId });
  const processor = processors[0];
  const attempt = processor?.attempts.at(-1);
  if (processor?.state === ProcessorState.SUCCEEDED) return 0;
  const reason = attempt?.reason || processor?.reason || run?.reason || '';
  if (reason === 'timeout') return told(TIMED_OUT, attempt?.message);
  if (reason === 'cancelled') return INTERRUPTED;
  if (reason === 'not-found') return told(NOT_FOUND, attempt?.message);
  if (attempt?.signal) return 128 + (constants.signals[attempt.signal as NodeJS.Signals] ?? 0);
  if (attempt && attempt.exitCode !== 0) return attempt.exitCode;
  return told(UNREACHABLE, attempt?.message || processor?.message || run?.message || reason);
}

function told(exitCode: number, message: string | undefined): number {
  if (message) note(`wiz: ${message}`);
  return exitCode;
}
