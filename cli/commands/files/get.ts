import * as Flags from '@oclif/core/flags';
import { storedFileArg } from '../../arguments.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { fetchTo, targetOf } from '../../files/fetch.ts';
import { findFile } from '../../files/find.ts';
import { downloadProgress } from '../../files/progress.ts';
import { print, printJson } from '../../output.ts';

export default class FilesGet extends ManagerCommand {
  static override summary = 'Fetch a file, or a folder whole, that a run left.';
  static override description = `\
It is written beside its place under another name, checked against its SHA-256, and then takes its place in one step. A stream that breaks goes on where it was. Prints the path.`;
  static override examples = [
    '<%= config.bin %> files get latest/report.html',
    '<%= config.bin %> files get dependency-audit/report.html -o /tmp/audit.html --force',
    '<%= config.bin %> files get latest/plots/a.png',
    '<%= config.bin %> files get 3f2a91c0 -o out.bin',
  ];
  static override args = { name: storedFileArg };
  static override flags = {
    output: Flags.string({
      char: 'o',
      description: 'Where to put it; in a folder that is there it keeps its name. By default here.',
      helpValue: 'PATH',
    }),
    force: Flags.boolean({ char: 'f', description: 'Replace what is there.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FilesGet);
    const files = (await this.api()).files;
    const found = await findFile(files, args.name);
    const path = await targetOf(found, flags.output);
    {
      using progress = downloadProgress(found.base, found.size);
      await fetchTo(files, found, path, { force: flags.force, onBytes: progress.add });
    }
    const { hash, size, entries } = found;
    if (flags.json) printJson({ path, hash, size, folder: entries !== undefined });
    else print(path);
  }
}
