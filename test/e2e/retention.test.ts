/** What goes and what stays: runs pruned by hand and by themselves, staging folders after every end. */
import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, mock, test } from 'node:test';
import { createClient } from '@connectrpc/connect';
import { openBundledManager } from '../../manager/index.ts';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { newPlace, until } from './place.ts';
import { pidIn } from './programs.ts';

const place = newPlace();
after(() => place.leave());

const HOUR_MS = 3_600_000;

const run = async (file: string, ...args: string[]): Promise<string> => {
  await place.run(['run', file, ...args]);
  const [{ runId }] = await place.json(['runs', 'list']);
  return runId;
};
const runs = async (): Promise<string[]> =>
  (await place.json(['runs', 'list'])).map(({ runId }: { runId: string }) => runId);
const objects = () => globSync('objects/*/*', { cwd: join(place.home, 'files') }).length;
const staging = (runId: string) => {
  const folder = join(place.home, 'staging', runId);
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
};

/** Prunes as a command would so many hours later. */
async function pruneLater(hours: number, keep: number) {
  const manager = await openBundledManager({
    home: place.home,
    kind: 'cli',
    environment: place.environment,
    needsExecutor: false,
    wizEntry: ['false'],
  });
  mock.timers.enable({ apis: ['Date'], now: Date.now() + hours * HOUR_MS });
  try {
    return await createClient(RunService, manager.transport).pruneRuns({ keep });
  } finally {
    mock.timers.reset();
    await manager.close();
  }
}

const PRUNED = `
name: pruned
params: { n: 0 }
cache: true
processors:
  own: { run: 'echo "own of $N" > "$WIZ_FILES/own"; echo "$N"' }
  shared: { run: 'echo shared > "$WIZ_FILES/shared"' }
outputs:
  files: { own: "${'${{ files.own.own }}'}", shared: "${'${{ files.shared.shared }}'}" }
  records: { table: pruned, rows: "${"${{ {'n': params.n} }}"}" }
`;

test('prune keeps the newest, tells what it would do, and takes logs, records and cache entries along', async () => {
  place.write('pruned.yaml', PRUNED);
  const ids: string[] = [];
  for (const n of [1, 2, 3]) ids.push(await run('pruned.yaml', '-p', `n=${n}`));
  const unclear = await place.run(['runs', 'prune']);
  assert.equal(unclear.code, 2);
  const dry = await place.run(['runs', 'prune', '--keep', '1', '--dry-run']);
  assert.deepEqual(dry.stdout.trim().split('\n').sort(), ids.slice(0, 2).sort());
  assert.match(dry.stderr, /Would delete 2 runs/);
  assert.equal((await runs()).length, 3);
  assert.equal(await place.out(['runs', 'prune', '--older-than', '1h']), '');
  assert.equal(
    await place.out(['runs', 'prune', '--older-than', '1h', '--keep', '1']),
    '',
    'outside of both',
  );

  await place.out(['runs', 'prune', '--keep', '1']);
  assert.deepEqual(await runs(), [ids[2]]);
  assert.deepEqual(JSON.parse(await place.out(['data', 'query', 'select n from pruned', '--json'])), [
    { n: 3 },
  ]);
  assert.deepEqual(readdirSync(join(place.home, 'runs')), [ids[2]]);
  assert.equal((await place.run(['files', 'cat', `${ids[0]}/own`])).code, 2);
  assert.equal(await place.out(['files', 'cat', `${ids[2]}/shared`]), 'shared\n');

  // The result of a run that is gone is made anew; that of one that is here is not.
  const cached = async (n: number) => {
    await place.out(['run', 'pruned.yaml', '-p', `n=${n}`]);
    const { processors } = await place.json(['runs', 'get', 'latest']);
    return processors.map(({ reason }: { reason?: string }) => reason ?? '');
  };
  assert.deepEqual(await cached(3), ['cached', 'cached']);
  assert.deepEqual(await cached(1), ['', 'cached']);
});

test('files of pruned runs go an hour after they were found unused; those of kept runs stay', async () => {
  const kept = await run('pruned.yaml', '-p', 'n=9');
  const before = objects();
  assert.equal((await pruneLater(0, 1)).markedFiles, 0, 'too young');
  const marked = await pruneLater(2, 1);
  assert.equal(marked.markedFiles, before - 2);
  const gone = await pruneLater(4, 1);
  assert.equal(gone.files, before - 2);
  assert.equal(objects(), 2);
  assert.deepEqual(readdirSync(join(place.home, 'files/trash')), []);
  for (const name of ['own', 'shared']) await place.out(['files', 'cat', `${kept}/${name}`]);
});

test('a run that goes on is never touched, nor is what it has left so far', async () => {
  place.write(
    'long.yaml',
    `name: pruned
processors:
  early: { run: 'echo early > "$WIZ_FILES/early"' }
  wait: { needs: early, run: 'echo $$ > pid.new; mv pid.new pid; until test -e go; do sleep 0.05; done; cat "$WIZ_STAGING/files/early/early"' }
`,
  );
  const going = place.start(['run', 'long.yaml']);
  await pidIn(join(place.folder, 'pid'));
  const [runId] = await runs();
  await place.out(['runs', 'prune', '--older-than', '1ms']);
  assert.deepEqual(await runs(), [runId]);
  await pruneLater(2, 1);
  await pruneLater(4, 1);
  const refused = await place.run(['runs', 'staging', runId!, '--remove']);
  assert.equal(refused.code, 2);
  writeFileSync(join(place.folder, 'go'), '');
  const { code, stdout } = await going.ended;
  assert.equal(code, 0, stdout);
  assert.equal(await place.out(['runs', 'logs', 'latest', 'wait']), 'early\n');
});

const staged = (policy: string, then = 'true') =>
  place.write(
    'staged.yaml',
    `name: staged\n${policy}\nprocessors:\n  a: { run: 'echo seen > "$WIZ_STAGING/mine"' }\n  b: { needs: a, run: 'cat "$WIZ_STAGING/mine"; ${then}' }\n`,
  );

test('staging is removed on success and kept on failure, unless the pipeline says otherwise', async () => {
  for (const [policy, then, stays] of [
    ['', 'true', false],
    ['', 'exit 1', true],
    ['staging: always', 'true', true],
    ['staging: never', 'exit 1', false],
  ] as const) {
    const runId = await run(staged(policy, then));
    const what = `${policy} ${then}`;
    if (stays) {
      const path = (await place.out(['runs', 'staging', runId])).trim();
      assert.deepEqual(readdirSync(path), ['mine'], what);
    } else await until(`no staging: ${what}`, () => staging(runId).length === 0);
  }
  const failed = await run(staged('', 'exit 1'));
  const gone = await place.run(['runs', 'staging', failed, '--remove']);
  assert.match(gone.stderr, /Removed, 5 B freed/);
  assert.deepEqual(staging(failed), []);
  assert.match((await place.run(['runs', 'staging', failed])).stderr, /No staging folders/);
});

test('staging of an executor that was killed goes when the run succeeds on another one, and stays when it fails', async () => {
  for (const [then, stays] of [
    ['true', false],
    ['exit 3', true],
  ] as const) {
    place.write(
      'killed.yaml',
      `name: killed
processors:
  victim: { run: 'echo > "$WIZ_STAGING/left"; if test $WIZ_ATTEMPT = 1; then echo $$ > victim.new; mv victim.new victim; sleep 99; fi; ${then}' }
`,
    );
    const running = place.start(['run', 'killed.yaml']);
    await pidIn(join(place.folder, 'victim'));
    const [runId] = await runs();
    for (const { pid } of await place.json(['executor', 'list'])) process.kill(pid, 'SIGKILL');
    await running.ended;
    if (stays) assert.equal(staging(runId!).length, 2);
    else await until('both are gone', () => staging(runId!).length === 0);
    rmSync(join(place.folder, 'victim'));
  }
});

test('staging of a run that had succeeded goes with the executor that could not remove it', async () => {
  const runId = await run(staged('staging: always'));
  const [executorId] = staging(runId);
  // As if it had been killed between the end of the run and the removal.
  const succeeded = await run(staged(''));
  await until('removed', () => staging(succeeded).length === 0);
  const left = join(place.home, 'staging', succeeded, executorId!);
  mkdirSync(join(left, 'files'), { recursive: true });
  for (const { pid } of await place.json(['executor', 'list'])) process.kill(pid, 'SIGKILL');
  await place.out(['run', staged('')]);
  await until('the next command cleared it', () => !existsSync(left));
  assert.deepEqual(staging(runId), [executorId], 'what was to stay is there');
});

test('runs are pruned by themselves, once, by the background manager', async () => {
  for (const n of [1, 2, 3]) await run('pruned.yaml', '-p', `n=${n}`);
  const env = { WIZ_KEEP_RUNS: '2' };
  const of = async () =>
    (await place.json(['runs', 'list'])).filter(({ pipeline }: { pipeline: string }) => pipeline === 'pruned')
      .length;
  assert.ok((await of()) >= 3);
  await place.out(['runs', 'list'], { env });
  await until('two of the pipeline are left', async () => (await of()) === 2);
  await run('pruned.yaml', '-p', 'n=4');
  await place.out(['runs', 'list'], { env });
  assert.equal(await of(), 3, 'not again on the same day');
  const wrong = await place.run(['runs', 'list'], { env: { WIZ_KEEP_DAYS: 'many' } });
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /WIZ_KEEP_DAYS must be a number from 0 on, not "many"/);
});

test('affinity: run has every processor work on the same executor', async () => {
  place.write(
    'affine.yaml',
    `name: affine
affinity: run
processors:
  a: { matrix: { n: [1, 2, 3, 4, 5, 6] }, run: 'echo > "$WIZ_STAGING/$WIZ_INDEX"' }
  b: { needs: a, run: 'ls "$WIZ_STAGING" | wc -l', data: json }
  c: { needs: b, uses: noop }
`,
  );
  await place.out(['run', 'affine.yaml']);
  const { processors } = await place.json(['runs', 'get', 'latest']);
  const executors = processors.flatMap(({ attempts = [] }) =>
    attempts.map(({ executorId }: { executorId: string }) => executorId),
  );
  assert.equal(new Set(executors).size, 1);
  assert.equal(await place.out(['runs', 'logs', 'latest', 'b']), '6\n');
});
