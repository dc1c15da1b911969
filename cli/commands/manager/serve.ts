import { constants } from 'node:os';
import { wizEntry } from '../../api.ts';
import { WizCommand } from '../../command.ts';
import { configSources, daemonFlags } from '../../daemon-flags.ts';

export default class ManagerServe extends WizCommand {
  static override summary = 'Serve a manager that many clients share, until stopped.';
  static override description = `\
What it is told comes from wiz.yaml, the environment and flags, the later winning: \`wiz config show\` prints what holds, \`wiz schema config\` describes the file.

SIGTERM and SIGINT end it: it takes no new work, and what runs goes on under another manager, or when it is started again. A second one ends it at once. SIGHUP makes it read its certificate again.`;
  static override examples = [
    '<%= config.bin %> manager serve',
    '<%= config.bin %> manager serve --config /etc/wiz/wiz.yaml --listen 0.0.0.0:7433',
    '<%= config.bin %> manager serve --port 0 --set retention.keepDays=30',
  ];
  static override flags = daemonFlags;

  async run(): Promise<void> {
    const { flags } = await this.parse(ManagerServe);
    const { loadDaemonConfig, serveManager } = await import('../../../manager/index.ts');
    const { config, secretVariables } = await loadDaemonConfig(configSources(flags));
    const environment = { ...process.env };
    // Programs inherit the rest.
    for (const name of secretVariables) delete environment[name];
    const daemon = await serveManager({ config, environment, wizEntry: wizEntry() });
    await toldToEnd();
    await daemon.close();
    // What did not answer in time must not keep it.
    process.exit(0);
  }
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function toldToEnd(): Promise<void> {
  // A service is told by it to read its certificate again; without one there is nothing to read.
  if (!process.stdin.isTTY) process.on('SIGHUP', () => {});
  const { promise, resolve } = Promise.withResolvers<void>();
  let told = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (told) process.exit(128 + constants.signals[signal]);
      told = true;
      resolve();
    });
  }
  return promise;
}
