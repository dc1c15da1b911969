/** The account of a run, as a program reads it, and its timeline. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { newPlace, until } from './place.ts';

const place = newPlace();
after(() => place.leave());

/** What must be as it says, and no more than is there: z.fromJSONSchema reads the published schema. */
async function published(): Promise<z.ZodType> {
  return z.fromJSONSchema(JSON.parse(await place.out(['schema', 'manifest'])));
}

// biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect, and fail when it is not there
async function manifestOf(run = 'latest'): Promise<any> {
  const manifest = JSON.parse(await place.out(['runs', 'manifest', run]));
  const { error } = (await published()).safeParse(manifest);
  assert.equal(error, undefined, JSON.stringify(error?.issues));
  return manifest;
}

// biome-ignore lint/suspicious/noExplicitAny: as above
const named = (manifest: any, name: string) =>
  manifest.processors.find((each: { name: string }) => each.name === name);

const PIPELINE = `name: account
description: Everything that an account tells.
params: { width: 7 }
context: { TEAM: platform }
labels: { department: research }
processors:
  work:
    program:
      - node
      - -e
      - |
        const kept = Buffer.alloc(50_000_000, 1);
        while (process.cpuUsage().user < 200_000);
        console.error('warned');
        console.log('x'.repeat(1000) + kept.length);
        fs.writeFileSync(process.env.WIZ_FILES + '/report.html', '<h1>hello</h1>');
  cached: { needs: work, run: echo again, cache: true }
  each: { each: [1, 2, 3], run: 'echo \${{ item }}', data: json }
  skipped: { when: "\${{ params.width > 9 }}", run: "true" }
  flaky: { run: 'test "$WIZ_ATTEMPT" = 2', retries: { limit: 1, backoff: { initial: 1ms } } }
  slow: { needs: [flaky, work], run: 'if [ "$WIDTH" = 0 ]; then exit 3; fi; if [ "$WIDTH" = 8 ]; then touch started; sleep 60; fi' }
outputs:
  files: { report.html: "\${{ files.work['report.html'] }}" }
  records: { table: numbers, rows: "\${{ outputs.each.map(n, {'n': n}) }}" }
`;

test('of a run that succeeded it has everything, and lies beside it as a file', async () => {
  place.write('account.yaml', PIPELINE);
  await place.out(['run', 'account.yaml']);
  await place.out(['run', 'account.yaml', '--context', 'WHO=me']);
  const manifest = await manifestOf();
  assert.deepEqual(
    [manifest.state, manifest.pipeline, manifest.params, manifest.context, manifest.labels],
    ['Succeeded', 'account', { width: 7 }, { TEAM: 'platform', WHO: 'me' }, { department: 'research' }],
  );
  assert.ok(manifest.createdAt <= manifest.startedAt && manifest.startedAt <= manifest.endedAt);
  assert.deepEqual([manifest.counts.skipped, manifest.counts.cached], [1, 1]);

  const [attempt] = named(manifest, 'work').attempts;
  assert.deepEqual(
    [attempt.state, attempt.exitCode, attempt.stdoutBytes, attempt.stderrBytes],
    ['Succeeded', 0, 1009, 7],
  );
  assert.equal(attempt.logLines, 2);
  assert.equal(attempt.outputBytes, 1009);
  assert.ok(attempt.queueMs >= 0 && attempt.runMs >= 100, JSON.stringify(attempt));
  assert.ok(attempt.userCpuMs > 100 && attempt.systemCpuMs >= 0, JSON.stringify(attempt));
  assert.ok(attempt.peakMemoryBytes > 50_000_000, JSON.stringify(attempt));
  assert.ok(attempt.inputBytes > 0);
  assert.match(attempt.executor, /^[0-9A-Za-z]{27}$/);
  assert.deepEqual(
    named(manifest, 'work').files.map(({ name, size }: { name: string; size: number }) => [name, size]),
    [['report.html', 14]],
  );
  assert.equal(named(manifest, 'cached').reason, 'cached');
  assert.match(JSON.stringify(named(manifest, 'cached')), /"verdict":"reused"/);
  assert.equal(named(manifest, 'skipped').reason, 'skipped');
  const { instances } = named(manifest, 'each');
  assert.deepEqual(
    instances.map(({ name, state, output }: { name: string; state: string; output: { value: unknown } }) => [
      name,
      state,
      output.value,
    ]),
    [1, 2, 3].map((n, i) => [`each[${i}]`, 'Succeeded', n]),
  );
  const [failed, done] = named(manifest, 'flaky').attempts;
  assert.deepEqual([failed.failureClass, failed.exitCode, done.state], ['app', 1, 'Succeeded']);
  assert.deepEqual(
    manifest.outputs.files.map(({ path }: { path: string }) => path),
    ['report.html'],
  );
  assert.equal(manifest.outputs.records[0].table, 'numbers');

  const { writtenAt: _, ...told } = manifest;
  const { writtenAt: __, ...lying } = JSON.parse(
    readFileSync(join(place.home, 'runs', manifest.runId, 'manifest.json'), 'utf8'),
  );
  assert.deepEqual(lying, told);
  for (const words of [
    manifest.links.logs.replace(/$/, ' work'),
    manifest.links.files,
    manifest.links.manifest,
  ]) {
    await place.out(words.split(' ').slice(1));
  }
  assert.ok(existsSync(manifest.links.folder));
});

test('of a run that failed it says what failed, and why', async () => {
  const { code } = await place.run(['run', 'account.yaml', '-p', 'width=0']);
  assert.equal(code, 1);
  const manifest = await manifestOf();
  assert.deepEqual([manifest.state, manifest.reason], ['Failed', 'processor-failed']);
  const slow = named(manifest, 'slow');
  assert.deepEqual(
    [slow.state, slow.reason, slow.attempts[0].exitCode, slow.attempts[0].failureClass],
    ['Failed', 'exit-code', 3, 'app'],
  );
  assert.deepEqual(manifest.outputs, { files: [], records: [] });
});

test('it can be read while the run goes on, and after it was cancelled', async () => {
  const run = place.start(['run', 'account.yaml', '-p', 'width=8']);
  await until('the last processor works', () => existsSync(join(place.folder, 'started')));
  const going = await manifestOf();
  assert.deepEqual([going.state, going.endedAt ?? null], ['Running', null]);
  assert.equal(named(going, 'slow').state, 'Running');
  assert.equal(named(going, 'work').attempts[0].exitCode, 0);
  assert.ok(!readdirSync(join(place.home, 'runs', going.runId)).includes('manifest.json'));

  await place.out(['runs', 'cancel', going.runId]);
  await run.ended;
  const ended = await manifestOf(going.runId);
  assert.deepEqual([ended.state, ended.reason], ['Failed', 'cancelled']);
  assert.equal(named(ended, 'slow').reason, 'cancelled');
  const lying = JSON.parse(readFileSync(join(place.home, 'runs', going.runId, 'manifest.json'), 'utf8'));
  assert.equal(lying.state, 'Failed');
});

test('a timeline in a pipe has a line for each processor; with --json it is a document', async () => {
  const succeeded = (await place.json(['runs', 'list'])).at(-1).runId;
  const lines = (await place.out(['runs', 'timeline', succeeded])).trim().split('\n');
  assert.equal(lines.length, 6);
  assert.match(lines[0]!, /^work Succeeded \d+ \d+ \d{3,}$/);
  assert.equal(lines[3], 'skipped Idle - - - skipped');
  const { rows } = await place.json(['runs', 'timeline', succeeded, '--instances']);
  assert.deepEqual(
    rows.map(({ name }: { name: string }) => name).filter((name: string) => name.startsWith('each')),
    ['each', 'each[0]', 'each[1]', 'each[2]'],
  );
});
