import { jsonFlag, WizCommand } from '../command.ts';
import type { Finding } from '../doctor/check.ts';
import { clock, freeSpace, nodeVersion, shells, socketPath, stateFolder } from '../doctor/machine.ts';
import { executor, store } from '../doctor/manager.ts';
import { print, printJson } from '../output.ts';
import { paintFor } from '../render/paint.ts';
import { UNREACHABLE } from '../usage.ts';

export default class Doctor extends WizCommand {
  static override summary = 'Check that wiz can work on this machine.';
  static override description =
    'Each line says ok, warn or fail, and what to do. A run named doctor is left in the list. Exits with 3 when something fails.';
  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --json'];
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const findings: Finding[] = [];
    const paint = paintFor(process.stdout);
    const colours = { ok: paint.green, warn: paint.yellow, fail: paint.red };
    const tell = (...found: Finding[]) => {
      findings.push(...found);
      if (flags.json) return;
      for (const { verdict, name, message, advice } of found) {
        print(`${colours[verdict](verdict.padEnd(4))}  ${name.padEnd(12)}  ${message}`);
        if (advice) print(`${' '.repeat(20)}${advice}`);
      }
    };
    const { wizHome } = await import('../../manager/index.ts');
    const home = wizHome(process.env);
    tell(
      nodeVersion(),
      stateFolder(home),
      freeSpace(home),
      socketPath(home),
      clock(home),
      ...shells(process.env),
    );
    const opening = this.api({ needsExecutor: true });
    const opens = await store(opening);
    tell(opens);
    if (opens.verdict === 'ok') tell(await executor(opening));
    if (flags.json) printJson(findings);
    if (findings.some(({ verdict }) => verdict === 'fail')) process.exitCode = UNREACHABLE;
  }
}
