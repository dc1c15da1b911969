import { storedFileArg } from '../../arguments.ts';
import { ManagerCommand } from '../../command.ts';
import { checkedContent } from '../../files/content.ts';
import { findFile } from '../../files/find.ts';
import { write } from '../../output.ts';
import { UsageError } from '../../usage.ts';

export default class FilesCat extends ManagerCommand {
  static override summary = 'Write a file that a run left to standard output.';
  static override description =
    'Byte for byte, as fast as it is read. Exits with 3 when what came was not what its SHA-256 says.';
  static override examples = [
    '<%= config.bin %> files cat latest/report.html | less',
    '<%= config.bin %> files cat latest/plots/a.png > a.png',
  ];
  static override args = { name: storedFileArg };

  async run(): Promise<void> {
    const { args } = await this.parse(FilesCat);
    const files = (await this.api()).files;
    const { hash, size, entries } = await findFile(files, args.name);
    if (entries) {
      const first = entries.find((entry) => entry.hash !== '' && entry.link === '');
      const one = first
        ? ` One file of it: wiz files cat ${args.name.replace(/\/+$/, '')}/${first.path}`
        : '';
      throw new UsageError(`${args.name} is a folder`, `All of it: wiz files get ${args.name}.${one}`);
    }
    for await (const data of checkedContent(files, { hash, size }, args.name)) {
      if (process.stdout.destroyed) return;
      await write(process.stdout, data);
    }
  }
}
