import * as Flags from '@oclif/core/flags';
import type { Run } from '../../../proto/gen/wiz/v1/runs_pb.js';
import { parseInstanceName } from '../../../proto/instance-name.ts';
import type { Api } from '../../api.ts';
import { newestRunArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { printJson, write } from '../../output.ts';
import { ganttLines } from '../../render/gantt.ts';
import { paintFor } from '../../render/paint.ts';
import { type TimelineRow, timelineJson, timelineRow, timelineText } from '../../render/timeline.ts';
import { RUN_STATE } from '../../render/words.ts';

export default class RunsTimeline extends ManagerCommand {
  static override summary = 'Show when each processor of a run waited and worked.';
  static override description = `\
Bars over time on a terminal. A processor with instances is one bar, from the first start to the last end. Of a run that goes on, how it stands now.

In a pipe: a line \`NAME STATE START_MS QUEUE_MS RUN_MS [REASON]\` for each, milliseconds from the creation of the run and of all attempts together, - for what has not started.`;
  static override examples = [
    '<%= config.bin %> runs timeline',
    '<%= config.bin %> runs timeline 2yxAbc --instances',
    '<%= config.bin %> runs timeline | sort -k5nr | head -3',
    "<%= config.bin %> runs timeline latest --json | jq '.rows[] | {name, queueMs}'",
  ];
  static override args = { run: newestRunArg };
  static override flags = {
    instances: Flags.boolean({ char: 'i', description: 'Show each instance too.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsTimeline);
    const nowMs = Date.now();
    const { run, rows } = await timelineOf(await this.api(), args.run, flags.instances, nowMs);
    const { runId, pipeline, state, createdUnixMs, endedUnixMs } = run;
    if (flags.json) {
      return printJson({
        run: runId,
        pipeline,
        state: RUN_STATE[state],
        createdUnixMs,
        endedUnixMs: endedUnixMs || null,
        rows: rows.map((row) => timelineJson(row, createdUnixMs)),
      });
    }
    const { stdout } = process;
    const drawn = stdout.isTTY && process.env.TERM !== 'dumb';
    // The last column stays free: writing there wraps on some terminals.
    const columns = (stdout.columns ?? 80) - 1;
    const lines = drawn
      ? ganttLines(run, rows, { nowMs, columns, paint: paintFor(stdout) })
      : rows.map((row) => timelineText(row, createdUnixMs));
    if (lines.length > 0) await write(stdout, `${lines.join('\n')}\n`);
  }
}

async function timelineOf(
  api: Api,
  runId: string,
  withInstances: boolean,
  nowMs: number,
): Promise<{ run: Run; rows: TimelineRow[] }> {
  const { run, processors } = await api.runs.getRun({ runId });
  const rows: TimelineRow[] = [];
  for (const processor of processors) {
    rows.push(timelineRow(processor, nowMs));
    if (!withInstances || processor.instances === undefined) continue;
    const told = await api.runs.getRun({ runId: run!.runId, instancesOf: processor.name });
    for (const one of told.processors) {
      // The processor itself is among them.
      if (parseInstanceName(one.name)?.index !== undefined) rows.push(timelineRow(one, nowMs));
    }
  }
  return { run: run!, rows };
}
