import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { endMarkedProcesses, newMark } from '../leaks.ts';
import { leftBehind } from './left-behind.ts';

const bin = join(import.meta.dirname, '../../cli/bin/wiz.js');

/** Milliseconds that anything may take that a test waits for; on a busy machine, ten times what it needs. */
const PATIENCE_MS = 60_000;

export interface Ended {
  /** Exit code, or the signal that ended it. */
  code: number | string | null;
  stdout: string;
  stderr: string;
  /** Standard output as it came. */
  bytes: Buffer;
}

/** A wiz that was started and may still run. */
export interface Started {
  child: ChildProcess;
  /** What it has written so far. */
  readonly stdout: string;
  readonly stderr: string;
  ended: Promise<Ended>;
  /** Waits until its standard output matches. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
  /** The same for standard error. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface Options {
  cwd?: string;
  /** Beside the place's own; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  input?: string;
}

/** A state folder of its own and a folder for files, where the built bin is run. */
export interface Place {
  /** WIZ_HOME; not there until wiz makes it. */
  home: string;
  /** Where commands run, and what they write goes. */
  folder: string;
  environment: NodeJS.ProcessEnv;
  start(args: string[], options?: Options): Started;
  /** Runs wiz to its end, whatever that is. */
  run(args: string[], options?: Options): Promise<Ended>;
  /** Runs wiz, which must end with 0, and returns its standard output. */
  out(args: string[], options?: Options): Promise<string>;
  /** The same, and reads the output as one JSON document. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect, and fail when it is not there
  json(args: string[], options?: Options): Promise<any>;
  /** Writes a file and returns its absolute path. */
  write(name: string, text: string): string;
  /** Ends the executors, and wiz where a test that failed left it; fails when a process, a lease, a socket or a folder of an executor is left. */
  leave(): Promise<void>;
}

/** Seconds of WIZ_WARM: enough for the next command on a busy machine. */
const WARM_S = '8';

export function newPlace(): Place {
  // Short, because the paths of sockets end at 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'e-'));
  const home = join(folder, 'home');
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    WIZ_HOME: home,
    WIZ_WARM: WARM_S,
    // Executors take WIZ_WARM and its like from what programs inherit; this stays, for leftBehind to see.
    PLACE_OF_TEST: folder,
  };
  // What the test runner and the terminal of whoever runs the tests would add.
  for (const name of ['CI', 'NODE_TEST_CONTEXT', 'NO_COLOR', 'FORCE_COLOR', 'WIZ_SLOTS', 'WIZ_MAX_RUNNING']) {
    delete environment[name];
  }
  const running = new Set<Started>();
  const start: Place['start'] = (args, { cwd = folder, env = {}, input } = {}) => {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd,
      env: { ...environment, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.end(input);
    const one = started(child, `wiz ${args.join(' ')}`);
    running.add(one);
    one.ended.finally(() => running.delete(one));
    return one;
  };
  /** Waits for them to end. When that takes too long, every process of the place is ended; a line about each. */
  const late = async (those: Iterable<Started>): Promise<string[]> => {
    const ends = Promise.allSettled([...those].map(({ ended }) => ended));
    const tooLong = sleep(PATIENCE_MS, 'too long', { ref: false });
    if ((await Promise.race([ends, tooLong])) !== 'too long') return [];
    const killed = await endMarkedProcesses(newMark(folder), 0);
    await ends;
    return killed.map((line) => `process ${line}`);
  };
  const out: Place['out'] = async (args, options) => {
    const { code, stdout, stderr } = await start(args, options).ended;
    assert.equal(code, 0, `wiz ${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  };
  return {
    home,
    folder,
    environment,
    start,
    out,
    run: (args, options) => start(args, options).ended,
    json: async (args, options) => JSON.parse(await out([...args, '--json'], options)),
    write(name, text) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      return path;
    },
    async leave() {
      for (const { child } of running) {
        child.kill();
        // One that stands still hears of it when it goes on.
        child.kill('SIGCONT');
      }
      const left = await late(running);
      try {
        const stop = start(['executor', 'stop', '--force']);
        left.push(...(await late([stop])));
        const { code, stderr } = await stop.ended;
        if (code !== 0) left.push(stderr);
        left.push(...(await leftBehind(folder, home)));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      assert.deepEqual(left, []);
    },
  };
}

/** A place of one test: one that fails leaves nothing to the next. */
export function placeFor(t: Pick<TestContext, 'after'>): Place {
  const place = newPlace();
  t.after(() => place.leave());
  return place;
}

export function started(child: ChildProcess, what: string): Started {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const text = (stream: keyof typeof chunks) => Buffer.concat(chunks[stream]).toString();
  let closed = false;
  child.stdout?.on('data', (chunk) => chunks.stdout.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.stderr.push(chunk));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      closed = true;
      const bytes = Buffer.concat(chunks.stdout);
      resolve({ code: code ?? signal, stdout: bytes.toString(), stderr: text('stderr'), bytes });
    });
  });
  const matches = async (stream: keyof typeof chunks, pattern: RegExp) => {
    let match: RegExpExecArray | null = null;
    await until(`${what}: ${stream} matches ${pattern}`, () => {
      match = pattern.exec(text(stream));
      if (!match && closed)
        assert.fail(`${what} ended without ${pattern}:\n${text('stdout')}${text('stderr')}`);
      return match !== null;
    });
    return match!;
  };
  return {
    child,
    get stdout() {
      return text('stdout');
    },
    get stderr() {
      return text('stderr');
    },
    ended,
    prints: (pattern) => matches('stdout', pattern),
    says: (pattern) => matches('stderr', pattern),
  };
}

/** Waits for a condition; fails when it takes too long. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; !(await condition()); await sleep(25)) {
    assert.ok(performance.now() < deadline, `within ${PATIENCE_MS / 1000} s: ${what}`);
  }
}
