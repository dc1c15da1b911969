/** The whole system, as a benchmark uses it: a manager in this process, an executor in another, a store on disk. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { openBundledManager } from '../manager/index.ts';
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import { ManagerService } from '../proto/gen/wiz/v1/managers_pb.js';
import { PipelineService } from '../proto/gen/wiz/v1/pipelines_pb.js';
import { RunService } from '../proto/gen/wiz/v1/runs_pb.js';

export interface System {
  /** Stores a pipeline file. */
  apply(yaml: string): Promise<void>;
  /** Runs a pipeline and returns the milliseconds from StartRun to RunEnded, as seen on the watch stream. */
  run(pipeline: string): Promise<number>;
  /** Largest resident memory so far, in MB: of the manager (with its client in this process), and the executor. */
  peaks(): Promise<{ managerMb: number; executorMb: number }>;
  close(): Promise<void>;
}

/** Opens a manager on the state folder; its executor is up, and has run one processor, when this resolves. */
export async function openSystem(home: string, env: NodeJS.ProcessEnv = {}): Promise<System> {
  const manager = await openBundledManager({
    home,
    kind: 'cli',
    environment: { ...process.env, WIZ_HOME: home, ...env },
    needsExecutor: true,
    wizEntry: [process.execPath, join(import.meta.dirname, '../cli/bin/wiz.js')],
  });
  const pipelines = createClient(PipelineService, manager.transport);
  const runs = createClient(RunService, manager.transport);
  const managers = createClient(ManagerService, manager.transport);

  const system: System = {
    async apply(yaml) {
      const file = { path: 'bench.yaml', content: Buffer.from(yaml), baseDir: home };
      await pipelines.applyPipelines({ files: [file] });
    },
    async run(pipeline) {
      const started = performance.now();
      const { run } = await runs.startRun({ target: { case: 'pipeline', value: pipeline } });
      for await (const { events } of runs.watchRun({ runId: run!.runId })) {
        for (const { event } of events) {
          if (event.case !== 'runEnded') continue;
          const took = performance.now() - started;
          if (event.value.state !== RunState.SUCCEEDED)
            throw new Error(`${pipeline}: ${event.value.message}`);
          return took;
        }
      }
      throw new Error(`The watch of ${pipeline} ended before the run did.`);
    },
    async peaks() {
      const { executors } = await managers.listExecutors({});
      const executorMb = Math.max(...executors.map(({ pid }) => peakMb(pid)));
      return { managerMb: peakMb(process.pid), executorMb };
    },
    async close() {
      await managers.stopExecutors({ force: true });
      await manager.close();
    },
  };
  await system.apply('name: warm-up\nprocessors:\n  nothing: { uses: noop }\n');
  await system.run('warm-up');
  return system;
}

/** High-water mark of a process's resident memory, which the kernel keeps. */
function peakMb(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return (Number(kib) * 1024) / 1e6;
}
