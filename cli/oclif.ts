import { Config } from '@oclif/core/config';
import type { PJSON } from '@oclif/core/interfaces';
import { WIZ_VERSION } from '../proto/version.ts';

/**
 * Loads what oclif knows of the commands. `root` is the folder that holds cli/commands: the repository, or dist
 * with the bundle, where oclif.manifest.json saves loading every command. With `fresh` the manifest is not read.
 */
export function loadConfig(root: string, options: { fresh?: boolean } = {}): Promise<Config> {
  return Config.load({
    root,
    pjson,
    ignoreManifest: options.fresh ?? false,
    userPlugins: false,
    devPlugins: false,
  });
}

const pjson = {
  name: 'wiz',
  version: WIZ_VERSION,
  description: 'Runs pipelines of programs, models and GPUs.',
  type: 'module',
  oclif: {
    bin: 'wiz',
    dirname: 'wiz',
    commands: './cli/commands',
    topicSeparator: ' ',
    additionalHelpFlags: ['-h'],
    topics: {
      pipeline: { description: 'Keep pipelines: check, apply, compare and draw them.' },
      runs: { description: 'Look at runs and their logs, cancel them and go on with them.' },
      files: { description: 'List and fetch the files that runs leave.' },
      data: { description: 'Query the records that runs leave.' },
      hooks: { description: 'Look at what hooks were told, and tell them again.' },
      schedules: { description: 'Look at schedules, hold them, and fire them.' },
      manager: { description: 'Serve a manager that many clients share.' },
      context: { description: 'Choose which manager commands talk to.' },
      config: { description: 'Look at the configuration of a daemon.' },
      tokens: { description: 'Make API tokens, list and revoke them.' },
      users: { description: 'Who may sign in with a password.' },
      store: { description: 'Back the store of managers up, restore, copy and migrate it.' },
      executor: { description: 'Serve as an executor.' },
      executors: { description: 'Add executors, list, drain, stop and remove them.' },
    },
  },
} as unknown as PJSON;
