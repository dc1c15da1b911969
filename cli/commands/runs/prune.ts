import { toJson } from '@bufbuild/protobuf';
import * as Flags from '@oclif/core/flags';
import { PruneRunsResponseSchema } from '../../../proto/gen/wiz/v1/runs_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { milliseconds } from '../../milliseconds.ts';
import { note, print, printJson } from '../../output.ts';
import { bytes, count } from '../../render/words.ts';
import { UsageError } from '../../usage.ts';

export default class RunsPrune extends ManagerCommand {
  static override summary = 'Delete runs that ended, and the files that nothing refers to any more.';
  static override description = `\
With a run go its logs, records and staging folders. Files of runs that are kept stay, and runs that go on always do. With both --keep and --older-than a run must be outside of both to go.

Prints the ids of the runs, and on standard error what was freed. A file goes for good an hour after it was first found to be unused.`;
  static override examples = [
    '<%= config.bin %> runs prune --older-than 30d --keep 10 --dry-run',
    '<%= config.bin %> runs prune --keep 100',
  ];
  static override flags = {
    keep: Flags.integer({ description: 'Keep the newest so many of each pipeline.', min: 1, helpValue: 'N' }),
    'older-than': Flags.string({
      description: 'Delete runs that ended longer ago than this, for example 30d or 12h.',
      helpValue: 'TIME',
    }),
    'dry-run': Flags.boolean({ char: 'n', description: 'Delete nothing; tell what would be.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(RunsPrune);
    const { keep = 0, 'older-than': age, 'dry-run': dryRun } = flags;
    if (keep === 0 && age === undefined) {
      throw new UsageError('what is to be kept?', 'Say --keep N, --older-than TIME, or both.');
    }
    const endedBeforeUnixMs = age === undefined ? 0 : Date.now() - milliseconds('--older-than', age);
    const api = await this.api();
    const pruned = await api.runs.pruneRuns({ keep, endedBeforeUnixMs, dryRun });
    if (flags.json) return printJson(toJson(PruneRunsResponseSchema, pruned));
    if (pruned.runIds.length > 0) print(pruned.runIds.join('\n'));
    const what = `${count(pruned.runIds.length, 'run')} and ${count(pruned.files, 'file')}, ${bytes(pruned.bytes)}`;
    const marked = pruned.markedFiles;
    const more = `${count(marked, 'more file is', 'more files are')} used no more: a prune in an hour deletes them.`;
    note(`${dryRun ? 'Would delete' : 'Deleted'} ${what}.${marked > 0 ? ` ${more}` : ''}`);
  }
}
