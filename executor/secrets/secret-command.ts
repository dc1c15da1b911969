import { type ChildProcess, spawn } from 'node:child_process';
import { SecretFailure } from './secrets.ts';

/** Time that a command has, in ms. Password managers ask a server; none of them takes half a minute. */
const TIME_LIMIT_MS = 30_000;

/**
 * Standard output of a program, at most `limitBytes` of it. What it writes is never told: its output is the secret,
 * and its errors may quote it. Its process group is killed when the time is up, when it writes too much, and when the
 * signal comes, whose reason is thrown then.
 */
export function runSecretCommand(
  name: string,
  argv: readonly string[],
  limitBytes: number,
  ground: {
    environment: NodeJS.ProcessEnv;
    signal: AbortSignal;
    timeLimitMs?: number;
    /** That it runs in; left out, that of this process. */
    folder?: string | undefined;
  },
): Promise<Buffer> {
  const { environment, signal, timeLimitMs = TIME_LIMIT_MS, folder } = ground;
  const program = JSON.stringify(argv[0] ?? '');
  const failure = (what: string, cause?: unknown) =>
    new SecretFailure('secret-command-failed', `secret ${name}: ${program} ${what}`, { cause });

  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let child: ChildProcess;
    try {
      child = spawn(argv[0]!, argv.slice(1), {
        env: environment,
        cwd: folder,
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true, // a process group of its own
      });
    } catch (error) {
      // No program at all, or a NUL in an argument.
      reject(failure('cannot be started; correct the command of the secret', error));
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    let problem: unknown;

    const stop = (why: unknown) => {
      problem ??= why;
      kill(child);
      child.stdout?.destroy(); // whoever else has the other end must not keep us waiting
    };
    const cancelled = () => stop(signal.reason);
    signal.addEventListener('abort', cancelled);
    const timer = setTimeout(
      () => stop(failure(`did not end and close its output within ${timeLimitMs / 1000} s; it was killed`)),
      timeLimitMs,
    );
    child.stdout!.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limitBytes) stop(failure(`wrote more than ${limitBytes / 1024} KiB, which no secret has`));
      else chunks.push(chunk);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      problem ??= failure(startProblem(error.code), error);
    });
    child.once('close', (code, by) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancelled);
      if (problem !== undefined) reject(problem);
      else if (by !== null) reject(failure(`was ended by ${by}; run it by hand to see why`));
      else if (code !== 0) reject(failure(`exited with code ${code}; run it by hand to see why`));
      else resolve(Buffer.concat(chunks));
    });
  });
}

function startProblem(code: string | undefined): string {
  if (code === 'ENOENT') return "was not found on the executor's machine; install it, or give its path";
  if (code === 'EACCES') return 'is not executable; run chmod +x on it';
  return `could not be started (${code})`;
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
