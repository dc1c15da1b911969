import * as Flags from '@oclif/core/flags';
import type { Finding } from '../../proto/finding.ts';
import { jsonFlag, ManagerCommand } from '../command.ts';
import { choosePlace } from '../contexts/choose.ts';
import { print, printJson } from '../output.ts';
import { paintFor } from '../render/paint.ts';
import { UNREACHABLE } from '../usage.ts';

export default class Doctor extends ManagerCommand {
  static override summary = 'Check that wiz can work here, that a daemon is reached, or that one can be run.';
  static override description = `\
Each line says ok, warn or fail, and what to do. Exits with 3 when something fails.

For the bundled manager this machine is looked at, and a run named doctor does nothing on an executor. When a context or WIZ_MANAGER names a daemon: whether it is reached, its certificate, version and clock, who one is there, and its executors; whoever may start runs has one named doctor there too.

With --config, or --daemon, on the machine of a daemon: its configuration with the place of each error, whether the store is reached, has our tables and the same time, the file store, whether the port is free or ours, the certificate and its key, the OIDC provider, free space; and of a daemon that runs, its executors. Nothing is changed.`;
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --json',
    '<%= config.bin %> doctor --context production',
    '<%= config.bin %> doctor --config /etc/wiz/wiz.yaml',
  ];
  static override flags = {
    config: Flags.string({ description: 'Check a daemon with this configuration file.', helpValue: 'FILE' }),
    daemon: Flags.boolean({ description: 'Check a daemon with the configuration that it would find.' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const findings: Finding[] = [];
    const tell = teller();
    for await (const finding of await this.findings(flags)) {
      findings.push(finding);
      if (!flags.json) tell(finding);
    }
    if (flags.json) printJson(findings);
    if (findings.some(({ verdict }) => verdict === 'fail')) process.exitCode = UNREACHABLE;
  }

  private async findings(flags: {
    config?: string | undefined;
    daemon: boolean;
  }): Promise<AsyncIterable<Finding>> {
    if (flags.config !== undefined || flags.daemon) {
      return (await import('../doctor/daemon.ts')).findingsOfDaemon(flags);
    }
    const place = choosePlace(this.chosen, process.env);
    if (place.kind === 'remote') {
      const { remoteFindings } = await import('../doctor/remote.ts');
      return remoteFindings(place, this.api({ impatient: true }));
    }
    const { bundledFindings } = await import('../doctor/bundled.ts');
    return bundledFindings(() => this.api({ needsExecutor: true }));
  }
}

/** The longest name of a finding. */
const NAME_COLUMNS = 16;

function teller(): (finding: Finding) => void {
  const paint = paintFor(process.stdout);
  const colours = { ok: paint.green, warn: paint.yellow, fail: paint.red };
  return ({ verdict, name, message, advice }) => {
    print(`${colours[verdict](verdict.padEnd(4))}  ${name.padEnd(NAME_COLUMNS)}  ${message}`);
    if (advice) print(`${' '.repeat(8 + NAME_COLUMNS)}${advice}`);
  };
}
