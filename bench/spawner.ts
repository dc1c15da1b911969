import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { create } from '@bufbuild/protobuf';
import { openTestRooms } from '../executor/data/data-rooms.fixture.ts';
import { createProgramRunner } from '../executor/program/runner.ts';
import { AssignmentSchema, Outcome } from '../proto/gen/wiz/v1/executors_pb.js';

/**
 * Programs a second through the program runner alone, without manager and session, beside `xargs -P`.
 * One line of numbers for each round: run it on an idle machine.
 */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '2000' },
    lanes: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '5' },
    portable: { type: 'boolean', default: false },
  },
});
const [count, lanes, rounds] = [Number(values.count), Number(values.lanes), Number(values.rounds)];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-bench-'));
const runner = createProgramRunner({
  executorId: 'bench',
  folder: path.join(folder, 'programs'),
  data: await openTestRooms(folder, 'bench'),
  spawner: { kind: values.portable ? 'portable' : 'native' },
});

async function runOnce(processor: string): Promise<void> {
  const assignment = create(AssignmentSchema, {
    processor,
    attempt: 1,
    action: { case: 'program', value: { argv: ['/bin/true'] } },
  });
  const request = { runId: 'bench', epoch: 1, pipeline: 'bench', environment, assignment };
  const report = await runner.start(request, { log: () => undefined, progress() {} }).done;
  if (report.outcome !== Outcome.SUCCEEDED) throw new Error(report.message);
}

const environment = {};

async function runAll(total: number): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < total) await runOnce(`p${next++}`);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

function xargs(): void {
  const input = Array.from({ length: count }, (_, n) => n).join('\n');
  spawnSync('xargs', ['-P', String(lanes), '-n', '1', '/bin/true'], { input });
}

async function perSecond(work: () => Promise<void> | void): Promise<number> {
  const begin = performance.now();
  await work();
  return Math.round((count / (performance.now() - begin)) * 1000);
}

/** CPU of a process so far, in microseconds; Linux counts in hundredths of a second. */
function cpuOf(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

await runAll(200);
const { pid, kind } = await runner.stats();
for (let round = 1; round <= rounds; round++) {
  const before = { executor: process.cpuUsage(), spawner: cpuOf(pid) };
  const wiz = await perSecond(() => runAll(count));
  const executor = process.cpuUsage(before.executor);
  const executorUs = Math.round((executor.user + executor.system) / count);
  const spawnerUs = Math.round((cpuOf(pid) - before.spawner) / count);
  const other = await perSecond(xargs);
  console.log(
    `${kind}: ${wiz}/s, xargs ${other}/s, ratio ${(wiz / other).toFixed(2)}; CPU a program: executor ${executorUs} µs, spawner ${spawnerUs} µs`,
  );
}
await runner.close();
