import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandCancel, CommandRequest, CommandResult } from './command-messages.ts';

/**
 * The program that runs the commands of hooks for a manager. A process of its own, because Node forks to start a
 * program, which takes the longer the larger the process is, and stops it meanwhile: 1 ms from here, 30 ms from a
 * manager with 1 GB. Not an executor: what tells that executors are lost must not need one.
 *
 * It ends with the channel to its manager, and everything that it runs with it.
 */

/** Bytes of output that are kept. */
const MAX_OUTPUT_BYTES = 64 * 1024;
/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE_MS = 2_000;
/** Milliseconds that output is waited for which something in the background keeps open. */
const LINGER_MS = 500;

const running = new Map<number, ChildProcess>();

process.on('message', (message: CommandRequest | CommandCancel) => {
  if ('cancel' in message) end(running.get(message.cancel));
  else run(message);
});
process.on('disconnect', () => {
  for (const child of running.values()) killGroup(child, 'SIGKILL');
  process.exit(0);
});
// Ctrl-C and SIGTERM are for the manager, which decides what still runs.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

function run({ id, argv, folder, environment, input, timeoutMs }: CommandRequest): void {
  const result: CommandResult = { id, code: null, signal: null, problem: '', timedOut: false, output: '' };
  const chunks: Buffer[] = [];
  let size = 0;
  let told = false;
  let linger: NodeJS.Timeout | undefined;
  const tell = () => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    clearTimeout(linger);
    running.delete(id);
    result.output = Buffer.concat(chunks).subarray(0, MAX_OUTPUT_BYTES).toString('utf8');
    process.send?.(result);
  };
  /** What it has left in the background ends with it. Once: later its number may be another group's. */
  const finish = () => {
    if (!told) killGroup(child, 'SIGKILL');
    tell();
  };
  const keep = (chunk: Buffer) => {
    if (size < MAX_OUTPUT_BYTES) chunks.push(chunk);
    size += chunk.length;
  };

  const [program, ...args] = argv;
  let child: ChildProcess;
  try {
    const stdin = openInput(input);
    const stdio = [stdin, 'pipe', 'pipe'] as const;
    child = spawn(program!, args, { cwd: folder, env: environment, detached: true, stdio: [...stdio] });
    closeSync(stdin);
  } catch (error) {
    process.send?.({ ...result, problem: (error as Error).message });
    return;
  }
  running.set(id, child);
  const timer = setTimeout(() => {
    result.timedOut = true;
    end(child);
  }, timeoutMs);
  child.stdout!.on('data', keep);
  child.stderr!.on('data', keep);
  child.on('error', (error) => {
    result.problem = error.message;
    tell();
  });
  child.on('exit', (code, signal) => {
    result.code = code;
    result.signal = signal;
    linger = setTimeout(finish, LINGER_MS).unref();
  });
  child.on('close', finish);
}

/** A file without a name. Node's pipes are sockets, and bash that has a socket for its input reads ~/.bashrc. */
function openInput(text: string): number {
  const path = join(tmpdir(), `wiz-hook-${randomUUID()}`);
  writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  try {
    return openSync(path, 'r');
  } finally {
    unlinkSync(path);
  }
}

function end(child: ChildProcess | undefined): void {
  if (child === undefined) return;
  killGroup(child, 'SIGTERM');
  setTimeout(
    () => child.exitCode === null && child.signalCode === null && killGroup(child, 'SIGKILL'),
    GRACE_MS,
  );
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}
