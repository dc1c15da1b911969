import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { StoreAddress } from '../manager/index.ts';
import { configSources, daemonFlags } from './daemon-flags.ts';

/** Which store a command of `wiz store` means. */

export const storeFlags = {
  config: daemonFlags.config,
  store: Flags.string({
    description:
      'sqlite:/absolute/path or postgres://…; by default the store that `wiz manager serve` would use here: of wiz.yaml, $WIZ_STORE, or wiz.db in the state folder.',
    helpValue: 'ADDRESS',
  }),
  home: Flags.string({
    description:
      'Folder with the logs beside a SQLite store; by default that of the configuration, or of its file.',
    helpValue: 'FOLDER',
  }),
};

export const fileArgument = Args.string({ description: 'The file of the backup.', required: true });

interface Given {
  config?: string | undefined;
  store?: string | undefined;
  home?: string | undefined;
}

/** The store that is named, or else the configured one. Throws WizError for a configuration that is wrong. */
export async function storeFrom({ config: file, store, home }: Given): Promise<StoreAddress> {
  // Beside PostgreSQL there is no folder to be found out.
  if (store !== undefined && (home !== undefined || !store.startsWith('sqlite:'))) {
    return { address: store, home };
  }
  const { loadDaemonConfig } = await import('../manager/index.ts');
  const { config } = await loadDaemonConfig(configSources({ config: file }));
  if (store === undefined || store === config.store) {
    return { address: config.store, home: home ?? config.home };
  }
  return { address: store };
}
