import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** The repository. */
export const root = join(import.meta.dirname, '..');
const builtBin = join(root, 'cli/bin/wiz.js');

export interface Ended {
  code: number | string | null;
  stdout: string;
  stderr: string;
}

export interface Wiz {
  /** WIZ_HOME of the commands. */
  home: string;
  /** A folder for what the test writes. */
  folder: string;
  /** Runs the built bin to its end; in the repository, unless `cwd` says otherwise. */
  run(args: string[], options?: { cwd?: string; env?: NodeJS.ProcessEnv; bin?: string }): Promise<Ended>;
}

/** The built bin with a state of its own, whose executors and files go when the test does. */
export function wizFor(t: TestContext): Wiz {
  const folder = mkdtempSync(join(tmpdir(), 'w-'));
  const home = join(folder, 'home');
  const run: Wiz['run'] = (args, { cwd = root, env = {}, bin = builtBin } = {}) => {
    const { promise, resolve } = Promise.withResolvers<Ended>();
    const options = { cwd, env: { ...process.env, WIZ_HOME: home, ...env }, maxBuffer: 1 << 28 };
    execFile(process.execPath, [bin, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal ?? null) : 0, stdout, stderr });
    });
    return promise;
  };
  t.after(async () => {
    await run(['executor', 'stop', '--force']);
    rmSync(folder, { recursive: true });
  });
  return { home, folder, run };
}
