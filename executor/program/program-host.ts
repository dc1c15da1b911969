import type { Readable } from 'node:stream';
import { OUTPUT_WINDOW, type ProgramExit } from './frames.ts';
import { peakMemorySoFar } from './peak-memory.ts';
import { killGroup } from './process-group.ts';

/**
 * The programs of one spawner. A program is
 *   waiting   the machine had no descriptor or process left for it; tried again when another program ends
 *   fresh     runs; its pipes are only looked at when it ends, which spares quick programs all stream set-up
 *   attached  runs longer than ATTACH_AFTER_MS: its pipes are streams and flow within the output window
 *   reaped    its process ended, but processes of its group live on or its output is still held open:
 *             they get LINGER_MS, then the group is killed and the pipes are closed. A program that was
 *             signalled is left to the executor's own grace instead.
 *   ended     reported; forgotten
 */

/** Programs over in this time never get streams. Eight at a time on two busy cores take about 4 ms each, 50 at
 *  a time 25 ms; a person does not notice a first line that comes 25 ms late. */
const ATTACH_AFTER_MS = 25;
/** What a program leaves in the background may go on writing this long. */
export const LINGER_MS = 500;
const LINGER_POLL_MS = 10;
/** Killed processes vanish at once, except from uninterruptible sleep, which is not waited for longer. */
const KILL_WAIT_MS = 1000;
/** Peak memory is a high-water mark kept by the kernel, so rare looks suffice. */
const FIRST_SAMPLE_GAP_MS = 100;
const LAST_SAMPLE_GAP_MS = 4000;
/** Programs started before the loop looks at other things, at about 0.3 ms each. */
const SPAWNS_PER_TURN = 8;

export type Side = 0 | 1;

export interface ProgramPipes {
  /** Reads what is there without waiting. True when both have ended. False when a writer is left, or when
   *  `emit` asked to stop by returning false. Not after streams(). */
  drain(emit: (side: Side, data: Buffer) => boolean): boolean;
  /** Streams of what is still open. */
  streams(): { side: Side; stream: Readable }[];
}

export interface SpawnedProgram {
  pid: number;
  pipes: ProgramPipes;
}

export interface ReapedProcess {
  pid: number;
  /** -1 when a signal ended it. */
  code: number;
  signal: number;
  userCpuMs: number;
  systemCpuMs: number;
  /** 0: unknown. */
  peakMemoryBytes: number;
}

export interface SpawnBackend {
  kind: 'native' | 'portable';
  /** Whether pipes may be left without streams while the program is fresh. */
  lazyPipes: boolean;
  /** `request` is the body of a spawn frame. Settles with an error code such as ENOENT on failure. */
  spawn(request: Buffer, settle: (result: SpawnedProgram | string) => void): void;
  /** Told of every process that ended, orphans of programs included. */
  onReap(reaped: (ended: ReapedProcess[]) => void): void;
  groupAlive(pid: number): boolean;
}

export interface ProgramEvents {
  started(id: number, pid: number): void;
  output(id: number, side: Side, data: Buffer): void;
  exited(id: number, exit: ProgramExit): void;
  refused(id: number, code: string): void;
  /** After a burst of the above. */
  burst(): void;
}

export interface ProgramHost {
  spawn(id: number, request: Buffer): void;
  signal(id: number, signal: number): void;
  credit(id: number, bytes: number): void;
  /** While true nobody's output is read: the channel to the executor is full. */
  hold(held: boolean): void;
  counts(): { live: number; waiting: number; spawned: number };
  groups(): number[];
}

interface Program {
  id: number;
  pid: number;
  pipes: ProgramPipes;
  streams: Readable[] | undefined;
  openStreams: number;
  credit: number;
  paused: boolean;
  signalled: boolean;
  leftovers: boolean;
  groupGone: boolean;
  startedMs: number;
  endedMs: number;
  reaped: ReapedProcess | undefined;
  lingerUntil: number;
  peakMemoryBytes: number;
  sampleAt: number;
  sampleGap: number;
}

const SHORTAGES = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);

export function createProgramHost(backend: SpawnBackend, events: ProgramEvents): ProgramHost {
  const programs = new Map<number, Program>();
  const byPid = new Map<number, Program>();
  const fresh = new Set<Program>(); // in the order of their start
  const lingering = new Set<Program>();
  const queue: { id: number; request: Buffer }[] = [];
  const waiting: { id: number; request: Buffer }[] = [];
  const starting = new Map<number, { signal: number }>(); // asynchronous backends only
  let spawned = 0;
  let held = false;
  let turnPlanned = false;
  let attachPlanned = false;
  let lingerTimer: NodeJS.Timeout | undefined;
  let sampleTimer: NodeJS.Timeout | undefined;

  backend.onReap((ended) => {
    const leaders: Program[] = [];
    for (const process of ended) {
      const program = byPid.get(process.pid);
      if (program === undefined) continue; // an orphan
      byPid.delete(process.pid);
      program.reaped = process;
      program.endedMs = Date.now();
      leaders.push(program);
    }
    for (const program of leaders) afterReap(program);
    events.burst();
  });

  function planTurn(): void {
    if (turnPlanned) return;
    turnPlanned = true;
    setImmediate(runQueue);
  }

  function runQueue(): void {
    turnPlanned = false;
    for (let n = 0; n < SPAWNS_PER_TURN && queue.length > 0; n++) {
      const next = queue.shift()!;
      start(next.id, next.request);
    }
    if (queue.length > 0) planTurn();
    events.burst();
  }

  function start(id: number, request: Buffer): void {
    const startedMs = Date.now();
    starting.set(id, { signal: 0 });
    backend.spawn(request, (result) => {
      const { signal } = starting.get(id)!;
      starting.delete(id);
      if (typeof result === 'string') {
        const canWait = SHORTAGES.has(result) && programs.size > 0 && signal === 0;
        if (canWait) waiting.push({ id, request });
        else events.refused(id, result);
        return;
      }
      spawned++;
      const program = newProgram(id, result, startedMs);
      programs.set(id, program);
      byPid.set(result.pid, program);
      if (signal !== 0) sendSignal(program, signal);
      if (!backend.lazyPipes) return attach(program);
      fresh.add(program);
      planAttach(ATTACH_AFTER_MS);
    });
  }

  function planAttach(ms: number): void {
    if (attachPlanned) return;
    attachPlanned = true;
    setTimeout(attachFresh, ms);
  }

  function attachFresh(): void {
    attachPlanned = false;
    const now = Date.now();
    for (const program of fresh) {
      const left = program.startedMs + ATTACH_AFTER_MS - now;
      if (left > 0) {
        planAttach(left);
        break;
      }
      attach(program);
    }
    events.burst();
  }

  function attach(program: Program): void {
    fresh.delete(program);
    const open = program.pipes.streams();
    program.streams = open.map((each) => each.stream);
    program.openStreams = open.length;
    for (const { side, stream } of open) {
      stream.on('data', (data: Buffer) => {
        emit(program, side, data);
      });
      stream.on('error', () => {}); // ends in 'close' as well
      stream.on('close', () => {
        program.openStreams--;
        checkEnd(program);
      });
    }
    regulate(program);
    if (program.reaped !== undefined) return;
    events.started(program.id, program.pid);
    sample(program, Date.now());
    sampleTimer ??= setInterval(sampleAll, FIRST_SAMPLE_GAP_MS);
  }

  /** False when the window is used up. */
  function emit(program: Program, side: Side, data: Buffer): boolean {
    program.credit -= data.length;
    events.output(program.id, side, data);
    regulate(program);
    return program.credit > 0;
  }

  function regulate(program: Program): void {
    const pause = held || program.credit <= 0;
    if (pause === program.paused || program.streams === undefined) return;
    program.paused = pause;
    for (const stream of program.streams) {
      if (pause) stream.pause();
      else stream.resume();
    }
  }

  function afterReap(program: Program): void {
    if (program.streams === undefined) {
      fresh.delete(program);
      const atEnd = program.pipes.drain((side, data) => emit(program, side, data));
      if (!atEnd) attach(program);
    }
    program.lingerUntil = program.signalled ? Number.POSITIVE_INFINITY : program.endedMs + LINGER_MS;
    checkEnd(program);
  }

  function checkEnd(program: Program): void {
    if (program.reaped === undefined || !programs.has(program.id)) return;
    if (!program.groupGone && !backend.groupAlive(program.pid)) {
      program.groupGone = true;
      if (program.signalled) program.lingerUntil = Date.now() + LINGER_MS;
    }
    if (program.groupGone && program.openStreams === 0) return end(program, program.reaped);
    lingering.add(program);
    lingerTimer ??= setInterval(watchLingering, LINGER_POLL_MS);
  }

  function watchLingering(): void {
    const now = Date.now();
    for (const program of lingering) {
      checkEnd(program);
      // Output that waits for the executor is not lost to the clock.
      if (!programs.has(program.id) || program.paused || now < program.lingerUntil) continue;
      if (!program.groupGone && !program.leftovers) {
        program.leftovers = true;
        program.lingerUntil = now + KILL_WAIT_MS;
        killGroup(program.pid, 'SIGKILL');
        continue;
      }
      program.leftovers = true;
      program.groupGone = true;
      if (program.openStreams === 0) checkEnd(program);
      for (const stream of program.streams ?? []) stream.destroy();
    }
    if (lingering.size === 0) {
      clearInterval(lingerTimer);
      lingerTimer = undefined;
    }
    events.burst();
  }

  function end(program: Program, reaped: ReapedProcess): void {
    programs.delete(program.id);
    lingering.delete(program);
    events.exited(program.id, {
      code: reaped.code,
      signal: reaped.signal,
      userCpuMs: reaped.userCpuMs,
      systemCpuMs: reaped.systemCpuMs,
      peakMemoryBytes: reaped.peakMemoryBytes || program.peakMemoryBytes,
      startedMs: program.startedMs,
      endedMs: program.endedMs,
      leftovers: program.leftovers,
    });
    const next = waiting.shift();
    if (next === undefined) return;
    queue.push(next);
    planTurn();
  }

  function sendSignal(program: Program, signal: number): void {
    program.signalled = true;
    if (program.reaped !== undefined && !program.groupGone) program.lingerUntil = Number.POSITIVE_INFINITY;
    if (!program.groupGone) killGroup(program.pid, signal);
  }

  function sample(program: Program, now: number): void {
    program.peakMemoryBytes = peakMemorySoFar(program.pid) || program.peakMemoryBytes;
    program.sampleAt = now + program.sampleGap;
    program.sampleGap = Math.min(program.sampleGap * 2, LAST_SAMPLE_GAP_MS);
  }

  function sampleAll(): void {
    const now = Date.now();
    for (const program of byPid.values()) {
      if (program.streams !== undefined && program.sampleAt <= now) sample(program, now);
    }
    if (byPid.size > 0) return;
    clearInterval(sampleTimer);
    sampleTimer = undefined;
  }

  return {
    spawn(id, request) {
      queue.push({ id, request });
      planTurn();
    },
    signal(id, signal) {
      const program = programs.get(id);
      if (program !== undefined) return sendSignal(program, signal);
      const underWay = starting.get(id);
      if (underWay !== undefined) {
        underWay.signal = signal;
        return;
      }
      for (const list of [queue, waiting]) {
        const at = list.findIndex((each) => each.id === id);
        if (at === -1) continue;
        list.splice(at, 1);
        events.refused(id, 'ECANCELED');
      }
    },
    credit(id, bytes) {
      const program = programs.get(id);
      if (program === undefined) return;
      program.credit += bytes;
      regulate(program);
    },
    hold(next) {
      held = next;
      for (const program of programs.values()) regulate(program);
    },
    counts: () => ({ live: programs.size, waiting: waiting.length + queue.length, spawned }),
    groups: () => [...programs.values()].filter((each) => !each.groupGone).map((each) => each.pid),
  };
}

function newProgram(id: number, { pid, pipes }: SpawnedProgram, startedMs: number): Program {
  return {
    id,
    pid,
    pipes,
    streams: undefined,
    openStreams: 0,
    credit: OUTPUT_WINDOW,
    paused: false,
    signalled: false,
    leftovers: false,
    groupGone: false,
    startedMs,
    endedMs: 0,
    reaped: undefined,
    lingerUntil: 0,
    peakMemoryBytes: 0,
    sampleAt: 0,
    sampleGap: FIRST_SAMPLE_GAP_MS,
  };
}
