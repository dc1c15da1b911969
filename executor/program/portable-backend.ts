import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import type { ReapedProcess, SpawnBackend } from './program-host.ts';
import { openStdin } from './stdin-file.ts';

/**
 * Starts programs with child_process: works wherever Node does, at about a third of the native rate. CPU time
 * is not known here (0), and a program's orphans go to init rather than to the spawner.
 */
export function createPortableBackend(): SpawnBackend {
  let reap: (ended: ReapedProcess[]) => void = () => {};

  return {
    kind: 'portable',
    lazyPipes: false,
    spawn(body, settle) {
      const [path, cwd, stdin, ...rest] = body.toString('utf8', 8, body.length - 1).split('\0');
      const argv = rest.slice(0, body.readUInt32LE(0));
      const env: Record<string, string> = {};
      for (const entry of rest.slice(argv.length)) {
        const equals = entry.indexOf('=', 1);
        env[entry.slice(0, equals)] = entry.slice(equals + 1);
      }
      const given = stdin === '' ? 'ignore' : openStdin(stdin!);
      if (typeof given === 'string' && given !== 'ignore') return settle(given);
      let child: ChildProcess;
      try {
        child = spawn(path!, argv.slice(1), {
          argv0: argv[0],
          cwd,
          env,
          detached: true, // setsid
          stdio: [given, 'pipe', 'pipe'],
        });
      } catch (error) {
        return settle((error as NodeJS.ErrnoException).code ?? 'EIO');
      } finally {
        if (typeof given === 'number') fs.closeSync(given);
      }
      const pid = child.pid;
      if (pid === undefined) {
        child.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? 'EIO'));
        return;
      }
      child.on('error', () => {}); // a failed kill; the host looks at the group itself
      child.once('exit', (code, signal) => {
        const number = signal === null ? 0 : os.constants.signals[signal];
        reap([{ pid, code: code ?? -1, signal: number, userCpuMs: 0, systemCpuMs: 0, peakMemoryBytes: 0 }]);
      });
      settle({
        pid,
        pipes: {
          drain: () => false,
          streams: () => [
            { side: 0, stream: child.stdout! },
            { side: 1, stream: child.stderr! },
          ],
        },
      });
    },
    onReap(reaped) {
      reap = reaped;
    },
    groupAlive(pid) {
      try {
        return process.kill(-pid, 0);
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'EPERM';
      }
    },
  };
}
