import { toJson } from '@bufbuild/protobuf';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StagingFolderSchema } from '../../../proto/gen/wiz/v1/runs_pb.js';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { note, print, printJson } from '../../output.ts';
import { bytes } from '../../render/words.ts';

export default class RunsStaging extends ManagerCommand {
  static override summary = 'Print the staging folders of a run, one for each executor that worked on it.';
  static override description =
    'By default they are kept when the run failed, and removed when it succeeded; `staging` of a pipeline says otherwise.';
  static override examples = [
    '<%= config.bin %> runs staging',
    'ls "$(<%= config.bin %> runs staging latest)"',
    '<%= config.bin %> runs staging 2yxAbc --remove',
  ];
  static override args = {
    run: Args.string({
      description: 'Id of a run, or the beginning of one that fits no other; by default the newest.',
      default: 'latest',
      ignoreStdin: true,
    }),
  };
  static override flags = {
    remove: Flags.boolean({ description: 'Remove them. Not while the run goes on.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsStaging);
    const api = await this.api();
    const { folders } = await api.runs.listStaging({ runId: args.run, remove: flags.remove });
    if (flags.json) return printJson(folders.map((folder) => toJson(StagingFolderSchema, folder)));
    if (folders.length > 0) print(folders.map(({ path }) => path).join('\n'));
    else note('No staging folders.');
    const size = folders.reduce((sum, folder) => sum + folder.bytes, 0);
    if (flags.remove && folders.length > 0) note(`Removed, ${bytes(size)} freed.`);
  }
}
