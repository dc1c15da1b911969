import { statfsSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { create } from '@bufbuild/protobuf';
import { type Load, LoadSchema } from '../../proto/gen/wiz/v1/executors_pb.js';

/** What the machine has to say, and the executor's own part of it. */
export type Measure = (own: Pick<Load, 'running' | 'waiting' | 'managers' | 'draining'>) => Load;

/** `folder` is on the file system that the executor fills. */
export function createMeasure(folder: string): Measure {
  let before = cpuTimes();
  let cpu = 0;

  return (own) => {
    const now = cpuTimes();
    const total = now.total - before.total;
    // Several sessions ask at the same moment: what is told then is what the first was told.
    if (total >= LEAST_MS) {
      cpu = Math.min(1, Math.max(0, 1 - (now.idle - before.idle) / total));
      before = now;
    }
    return create(LoadSchema, {
      ...own,
      cpu,
      cores: now.cores,
      load1: loadavg()[0]!,
      freeMemoryBytes: process.availableMemory(),
      memoryBytes: memoryLimit(),
      ...diskOf(folder),
    });
  };
}

/** Milliseconds of all processors together below which their counters, of 10 ms each, say nothing. */
const LEAST_MS = 500;

/** Milliseconds since boot, of all processors. */
function cpuTimes(): { total: number; idle: number; cores: number } {
  const list = cpus();
  let total = 0;
  let idle = 0;
  for (const { times } of list) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { total, idle, cores: list.length };
}

/** Of the container, where it has a limit: without one the kernel tells a number that is larger than any memory. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

function diskOf(folder: string): { freeDiskBytes?: number; diskBytes?: number } {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return { freeDiskBytes: bavail * bsize, diskBytes: blocks * bsize };
  } catch {
    // The folder is gone, or the file system does not tell.
    return {};
  }
}
