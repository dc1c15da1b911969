import { jsonFlag, WizCommand } from '../../command.ts';
import { showTransfer } from '../../render/transfer.ts';
import { fileArgument, storeFlags, storeFrom } from '../../store-address.ts';

export default class StoreRestore extends WizCommand {
  static override summary = 'Fill an empty store from a backup.';
  static override description = `\
Into a store that nobody has used yet, of either kind; it is made when it is not there. All or nothing: a file that is damaged or cut short leaves the store as it was, and the rows of each table are counted before anyone sees them.

Runs that were going on belong to nobody, and go on under the first manager that starts on the store. Wiz Files are not in a backup: put their store back too.`;
  static override examples = [
    '<%= config.bin %> store restore /backup/wiz.backup',
    '<%= config.bin %> store restore wiz.backup --store postgres://wiz@db.example.org/wiz --json',
  ];
  static override args = { file: fileArgument };
  static override flags = { ...storeFlags, json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StoreRestore);
    const to = await storeFrom(flags);
    const { restoreStore } = await import('../../../manager/index.ts');
    await showTransfer(
      flags.json,
      (onProgress) => restoreStore(args.file, to, onProgress),
      (done) => `Restored ${done.from} into ${done.to}.`,
    );
  }
}
