import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { CommandRequest, CommandResult } from './command-messages.ts';

/** Runs the commands of hooks, in a process that is started with the first and ends when none has come for a while. */
export interface Commands {
  /** Rejects when the process ends before the command does. */
  run(request: Omit<CommandRequest, 'id'>, signal: AbortSignal): Promise<CommandResult>;
  /** Ends the process and what it runs; resolves when it is gone. */
  close(): Promise<void>;
}

/** Milliseconds without a command after which the process ends. */
const IDLE_MS = 30_000;

export function createCommands(entry: string = commandEntry()): Commands {
  let child: ChildProcess | undefined;
  let gone: Promise<void> = Promise.resolve();
  let count = 0;
  let idle: NodeJS.Timeout | undefined;
  const waiting = new Map<number, { resolve(result: CommandResult): void; reject(error: Error): void }>();

  function start(): ChildProcess {
    // A group of its own: Ctrl-C in a terminal is not for it.
    const started = spawn(process.execPath, [...process.execArgv, entry], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const lost = (why: string) => {
      if (child === started) child = undefined;
      for (const { reject } of waiting.values()) reject(new Error(`The command runner ${why}.`));
      waiting.clear();
    };
    gone = new Promise((resolve) => {
      started.on('error', (error) => {
        lost(`cannot be started: ${error.message}`);
        resolve();
      });
      started.on('exit', (code, signal) => {
        lost(`ended (${signal ?? `exit code ${code}`})`);
        resolve();
      });
    });
    started.on('message', (result: CommandResult) => {
      waiting.get(result.id)?.resolve(result);
      waiting.delete(result.id);
      if (waiting.size === 0) rest(started);
    });
    return started;
  }

  /** Holds no process up that has nothing else to do. */
  function rest(runner: ChildProcess): void {
    runner.unref();
    runner.channel?.unref();
    clearTimeout(idle);
    idle = setTimeout(() => {
      if (waiting.size > 0 || child !== runner) return;
      child = undefined;
      runner.disconnect();
    }, IDLE_MS).unref();
  }

  return {
    async run(request, signal) {
      signal.throwIfAborted();
      child ??= start();
      const runner = child;
      runner.ref();
      runner.channel?.ref();
      count += 1;
      const id = count;
      const done = new Promise<CommandResult>((resolve, reject) => waiting.set(id, { resolve, reject }));
      const cancel = () => runner.connected && runner.send({ cancel: id });
      signal.addEventListener('abort', cancel, { once: true });
      runner.send({ ...request, id }, (error) => {
        if (error === null) return;
        waiting.get(id)?.reject(error);
        waiting.delete(id);
      });
      try {
        return await done;
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
    async close() {
      clearTimeout(idle);
      const runner = child;
      child = undefined;
      if (runner?.connected) {
        runner.ref();
        runner.disconnect();
      }
      await gone;
    },
  };
}

/** Beside the bundle this runs from, or in the sources. */
function commandEntry(): string {
  const here = import.meta.dirname;
  if (import.meta.filename.endsWith('.ts')) return join(here, 'command-main.ts');
  return join(here.slice(0, here.lastIndexOf('dist') + 'dist'.length), 'manager/hook-commands.js');
}
