import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { jsonFlag, WizCommand } from '../../command.ts';
import { daemonFlags } from '../../daemon-flags.ts';
import { showTransfer } from '../../render/transfer.ts';
import { storeFrom } from '../../store-address.ts';

export default class StoreCopy extends WizCommand {
  static override summary =
    'Fill an empty store with all that another one has, for example to move to PostgreSQL.';
  static override description = `\
What a backup and its restore do, without the file between. Nobody may use TO; nobody may use FROM either, unless --live says that what happens there afterwards may be missing in the copy. FROM stays as it is: do not let managers work on both, or what was going on is done twice.

Not copied: managers, local executors, and cancels that were asked for and not carried out. Runs that were going on belong to nobody, and go on under the first manager of TO. Wiz Files stay where they are.`;
  static override examples = [
    '<%= config.bin %> store copy sqlite:/var/lib/wiz/wiz.db postgres://wiz@db.example.org/wiz',
    '<%= config.bin %> store copy postgres://wiz@db.example.org/wiz sqlite:/tmp/look/wiz.db --live --json',
  ];
  static override args = {
    from: Args.string({ description: 'Address of the store that is copied.', required: true }),
    to: Args.string({ description: 'Address of the store that is filled.', required: true }),
  };
  static override flags = {
    live: Flags.boolean({ description: 'Copy FROM as it is now, while managers work on it.' }),
    'from-home': Flags.string({
      description: 'Folder with the logs beside FROM; by default that of the configuration, or of its file.',
      helpValue: 'FOLDER',
    }),
    'to-home': Flags.string({
      description: 'Folder for the logs beside TO; by default that of the configuration, or of its file.',
      helpValue: 'FOLDER',
    }),
    config: daemonFlags.config,
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StoreCopy);
    const { config, live, json, 'from-home': fromHome, 'to-home': toHome } = flags;
    const from = await storeFrom({ config, store: args.from, home: fromHome });
    const to = await storeFrom({ config, store: args.to, home: toHome });
    const { copyStore } = await import('../../../manager/index.ts');
    await showTransfer(
      json,
      (onProgress) => copyStore(from, to, { live, ...(onProgress && { onProgress }) }),
      (done) => `Copied ${done.from} to ${done.to}.`,
    );
  }
}
