import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import type { Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createFrameReader, createFrameWriter, decodeExit, FrameKind, type SpawnRequest } from './frames.ts';
import { eventually, isAlive } from './program-fixture.ts';
import { defaultSpawnerEntry } from './spawner-client.ts';
import { sweepLeftovers } from './sweep.ts';

function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-orphans-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An executor in little: a process with a runner and one script. */
function startExecutor(
  t: TestContext,
  id: string,
  folder: string,
  kind: string,
  script: string,
): ChildProcess {
  const moduleUrl = (file: string) =>
    JSON.stringify(pathToFileURL(path.resolve(import.meta.dirname, file)).href);
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `
      const { create } = await import(${JSON.stringify(import.meta.resolve('@bufbuild/protobuf'))});
      const { AssignmentSchema } = await import(${moduleUrl('../../proto/gen/wiz/v1/executors_pb.js')});
      const { createProgramRunner } = await import(${moduleUrl('./runner.ts')});
      const { openTestRooms } = await import(${moduleUrl('../data/data-rooms.fixture.ts')});
      const runner = createProgramRunner({
        executorId: ${JSON.stringify(id)}, folder: ${JSON.stringify(`${folder}/room`)}, spawner: { kind: '${kind}' },
        data: await openTestRooms(${JSON.stringify(folder)}, ${JSON.stringify(id)}),
      });
      runner.start({ runId: 'r', epoch: 1, pipeline: 'p', environment: {}, assignment: create(AssignmentSchema, {
        processor: 'x', attempt: 1, workdir: ${JSON.stringify(folder)},
        action: { case: 'script', value: { shell: 'bash', text: ${JSON.stringify(script)} } },
      }) }, { log: () => undefined, progress() {} });
      process.stdout.write(String((await runner.stats()).pid) + '\\n');`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => child.kill('SIGKILL'));
  return child;
}

const TREE = `
  echo $$ > pids
  sleep 60 & echo $! >> pids
  setsid bash -c 'trap "" TERM; echo $$ >> pids; sleep 60' &
  setsid env -i bash -c 'echo $$ >> pids; sleep 60' &
  until [ $(wc -l < pids) = 4 ]; do sleep 0.01; done; echo > up
  sleep 60`;

for (const kind of ['native', 'portable'] as const) {
  test(`kill -9 of the executor leaves nothing of the ${kind} spawner`, async (t) => {
    const folder = temporaryFolder(t);
    // Only the native spawner adopts what left its session with an empty environment.
    const tree =
      kind === 'native'
        ? TREE
        : TREE.replace(/.*env -i.*\n/, '')
            .replace('= 4', '= 3')
            .replace(/.*setsid.*\n/, '')
            .replace('= 3', '= 2');
    const executor = startExecutor(t, `dead-${path.basename(folder)}`, folder, kind, tree);
    const [line] = await once(executor.stdout!, 'data');
    await eventually(() => fs.existsSync(path.join(folder, 'up')), 'the tree stands');
    const pids = fs.readFileSync(path.join(folder, 'pids'), 'utf8').trim().split('\n').map(Number);
    assert.equal(pids.length, kind === 'native' ? 4 : 2);
    for (const pid of pids) assert.ok(isAlive(pid));
    executor.kill('SIGKILL');
    for (const pid of [...pids, Number(line)]) await eventually(() => !isAlive(pid), `${pid} ended`);
  });
}

test("what outlives executor and spawner is found by the dead executor's id", async (t) => {
  const folder = temporaryFolder(t);
  const id = `dead-${path.basename(folder)}`;
  const executor = startExecutor(
    t,
    id,
    folder,
    'native',
    TREE.replace(/.*env -i.*\n/, '').replace('= 4', '= 3'),
  );
  const [line] = await once(executor.stdout!, 'data');
  await eventually(() => fs.existsSync(path.join(folder, 'up')), 'the tree stands');
  const pids = fs.readFileSync(path.join(folder, 'pids'), 'utf8').trim().split('\n').map(Number);
  process.kill(Number(line), 'SIGSTOP'); // the spawner cannot see the executor go
  executor.kill('SIGKILL');
  process.kill(Number(line), 'SIGKILL');
  assert.deepEqual(await sweepLeftovers([`${id}x`]), []);
  const killed = await sweepLeftovers([id]);
  for (const pid of pids) assert.ok(killed.includes(pid), `${pid} was not found`);
  for (const pid of pids) assert.equal(isAlive(pid), false);
  assert.deepEqual(await sweepLeftovers([id]), []);
});

test('programs beyond the limit of open files wait for their turn', async (t) => {
  const child = spawn('sh', ['-c', `ulimit -n 60; exec "$0" "$1"`, process.execPath, defaultSpawnerEntry], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    env: {},
  });
  t.after(() => child.kill('SIGKILL'));
  const channel = child.stdio[3] as Socket;
  const writer = createFrameWriter(channel);
  const codes: number[] = [];
  let most = 0;
  const all = Promise.withResolvers<void>();
  channel.on(
    'data',
    createFrameReader((kind, _id, body) => {
      if (kind === FrameKind.refused) all.reject(new Error(body.toString()));
      if (kind === FrameKind.stats) most = Math.max(most, JSON.parse(body.toString()).waiting);
      if (kind === FrameKind.exited && codes.push(decodeExit(body).code) === 100) all.resolve();
    }),
  );
  const request: SpawnRequest = {
    path: '/bin/sleep',
    cwd: '/',
    stdin: '',
    argv: ['sleep', '0.1'],
    env: [],
    baseEnv: { bytes: Buffer.alloc(0), count: 0 },
  };
  for (let id = 1; id <= 100; id++) writer.spawn(id, request);
  const asking = setInterval(() => writer.frame(FrameKind.stats, 0), 20);
  await all.promise.finally(() => clearInterval(asking));
  assert.ok(most > 0, 'none had to wait');
  assert.ok(codes.every((code) => code === 0));
  channel.end();
  await once(child, 'exit');
});
