import * as Args from '@oclif/core/args';
import { jsonFlag, WizCommand } from '../../command.ts';
import { daemonFlags } from '../../daemon-flags.ts';
import { print, printJson } from '../../output.ts';
import { storeFrom } from '../../store-address.ts';

export default class StoreMigrate extends WizCommand {
  static override summary = 'Make a store, or bring one up to date with this wiz.';
  static override description = `\
Every manager does so when it opens its store; this does it before one starts, and tells from which schema to which. One transaction: it is done or not. Managers of an older wiz have to be ended before, since they do not know the new tables.`;
  static override examples = [
    '<%= config.bin %> store migrate',
    '<%= config.bin %> store migrate --config /etc/wiz/wiz.yaml --json',
    '<%= config.bin %> store migrate postgres://wiz@db.example.org/wiz',
  ];
  static override args = {
    address: Args.string({
      description:
        'sqlite:/absolute/path or postgres://…; by default the store that `wiz manager serve` would use here.',
    }),
  };
  static override flags = { config: daemonFlags.config, json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StoreMigrate);
    const { address } = await storeFrom({ config: flags.config, store: args.address });
    const { migrateStore } = await import('../../../manager/index.ts');
    const migrated = await migrateStore(address);
    if (flags.json) return printJson(migrated);
    const { store, from, to } = migrated;
    if (from === to) return print(`${store} is up to date: schema ${to}.`);
    print(from === 0 ? `Made ${store}: schema ${to}.` : `Brought ${store} from schema ${from} to ${to}.`);
  }
}
