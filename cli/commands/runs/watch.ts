import { constants } from 'node:os';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { runArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { endingLines } from '../../ending.ts';
import { print } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { modeFor, showRun } from '../../show.ts';
import { RUN_FAILED } from '../../usage.ts';

export default class RunsWatch extends ManagerCommand {
  static override summary = 'Watch a run to its end, or show how it ended.';
  static override description = `\
A live tree on a terminal, plain lines in a pipe, one JSON object for each event with --json. Ctrl-C ends the watching, not the run.

Exits with 0 when the run succeeded and 1 when it failed.`;
  static override examples = [
    '<%= config.bin %> runs watch latest',
    '<%= config.bin %> runs watch 2yxAbc --json | jq -r .kind',
  ];
  static override args = { run: runArg };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsWatch);
    const api = await this.api();
    const { run: known } = await api.runs.getRun({ runId: args.run, summary: true });
    const mode = modeFor(flags.json);
    // Ends by exit and not by the signal, so that the terminal gets its cursor back.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => process.exit(128 + constants.signals[signal]));
    }
    const run = await showRun(api, { runId: known!.runId, mode });
    if (mode !== 'json') print((await endingLines(api, run, paintFor(process.stdout))).join('\n'));
    if (run.state !== RunState.SUCCEEDED) process.exitCode = RUN_FAILED;
  }
}
