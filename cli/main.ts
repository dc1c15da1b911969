/** The command line: finds the command, runs it, and turns what goes wrong into lines and an exit code. */
import { join } from 'node:path';
import { findCommand } from './dispatch.ts';
import { loadConfig } from './oclif.ts';
import { flushed, onBrokenPipe } from './output.ts';

const argv = process.argv.slice(2);
onBrokenPipe(() => process.exit(0));
// Waiting for another process's run may hold nothing that keeps this one alive.
setInterval(() => {}, 2 ** 30);
try {
  // The bundle lies in dist/ as the sources do in the repository.
  const config = await loadConfig(join(import.meta.dirname, '..'));
  const found = findCommand(config, argv);
  if (found.help) {
    const { Help } = await import('@oclif/core/help');
    await new Help(config).showHelp(found.argv);
  } else {
    await config.runCommand(found.id, found.argv);
  }
} catch (error) {
  const { reportFailure } = await import('./failure.ts');
  process.exitCode = reportFailure(error, {
    argv,
    stderr: process.stderr,
    debug: process.env.WIZ_DEBUG === '1',
  });
}
await flushed();
// Nothing that is still open (a watch, a timer) is worth waiting for: what mattered has been awaited.
process.exit();
