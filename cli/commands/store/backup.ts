import { jsonFlag, WizCommand } from '../../command.ts';
import { showTransfer } from '../../render/transfer.ts';
import { bytes } from '../../render/words.ts';
import { fileArgument, storeFlags, storeFrom } from '../../store-address.ts';

export default class StoreBackup extends WizCommand {
  static override summary = 'Write everything a store has to one file, while managers work.';
  static override description = `\
Pipelines, runs with their journals and logs, the cache, records, tokens, users, the audit, hooks, schedules and registered executors, as they are at one moment. Wiz Files are not in it: back their store up afterwards, as its own kind has it.

The file can be restored into a store of either kind. It has hashes of passwords and the tokens of executors: it is readable for its owner only, and takes the place of FILE when it is whole.`;
  static override examples = [
    '<%= config.bin %> store backup /backup/wiz.backup',
    '<%= config.bin %> store backup wiz.backup --store postgres://wiz@db.example.org/wiz',
    '<%= config.bin %> store backup "/backup/wiz-$(date +%F)" --config /etc/wiz/wiz.yaml --json',
  ];
  static override args = { file: fileArgument };
  static override flags = { ...storeFlags, json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StoreBackup);
    const from = await storeFrom(flags);
    const { backupStore } = await import('../../../manager/index.ts');
    await showTransfer(
      flags.json,
      (onProgress) => backupStore(from, args.file, onProgress),
      (done) => `Wrote ${done.from} to ${done.to}: ${bytes(done.size)}.`,
    );
  }
}
