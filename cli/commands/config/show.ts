import type { EffectiveSetting } from '../../../manager/index.ts';
import { jsonFlag, WizCommand } from '../../command.ts';
import { configSources, daemonFlags } from '../../daemon-flags.ts';
import { print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { type Column, table } from '../../render/table.ts';

export default class ConfigShow extends WizCommand {
  static override summary = 'Print the configuration that a daemon started here would have.';
  static override description = `\
Each setting with its value and where that came from: a place in wiz.yaml, a variable, a flag, or default. Secrets are masked. What is wrong is told with its place, and the command exits with 2.`;
  static override examples = [
    '<%= config.bin %> config show',
    '<%= config.bin %> config show --config wiz.yaml --json',
  ];
  static override flags = { ...daemonFlags, json: jsonFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(ConfigShow);
    const { effectiveSettings, loadDaemonConfig } = await import('../../../manager/index.ts');
    const loaded = await loadDaemonConfig(configSources(flags));
    const settings = await effectiveSettings(loaded);
    if (flags.json) return printJson({ file: loaded.file ?? null, settings });
    print(table(settings, COLUMNS, paintFor(process.stdout)).join('\n'));
  }
}

const COLUMNS: Column<EffectiveSetting>[] = [
  { title: 'SETTING', text: ({ path }) => path },
  { title: 'VALUE', text: ({ value }) => words(value) },
  { title: 'FROM', text: ({ from }) => from },
];

function words(value: unknown): string {
  if (value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
