import { join } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { wizEntry } from '../../api.ts';
import { WizCommand } from '../../command.ts';
import { note } from '../../output.ts';

export default class ManagerServe extends WizCommand {
  static override summary = 'Serve a manager that many clients share, until stopped.';
  static override examples = ['<%= config.bin %> manager serve --port 7433'];
  static override flags = {
    port: Flags.integer({ description: 'Port; 0 is any free one.', default: 7433, helpValue: 'N' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ManagerServe);
    const { serveManager, wizHome } = await import('../../../manager/index.ts');
    const home = wizHome(process.env);
    const daemon = await serveManager({
      config: {
        home,
        listen: { host: '127.0.0.1', port: flags.port },
        tls: undefined,
        behindProxy: false,
        store: `sqlite:${join(home, 'wiz.db')}`,
        files: process.env.WIZ_FILE_STORE || `folder:${join(home, 'files')}`,
        roles: ['api', 'runs'],
        localExecutors: { slots: undefined },
        maxRunning: undefined,
        retention: { keepRuns: 0, keepDays: 0 },
        log: { level: 'info' },
      },
      environment: process.env,
      wizEntry: wizEntry(),
    });
    note(`wiz: serving at ${daemon.url}`);
    await new Promise((resolve) => {
      process.once('SIGTERM', resolve);
      process.once('SIGINT', resolve);
    });
    await daemon.close();
  }
}
