/** Bad luck with files: a clear failure with its class, nothing half-stored, nothing wrong handed on. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ACCESS_KEY, BUCKET, S3Server } from '../../files/s3-server.fixture.ts';
import { newPlace, until } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import { kill, peakMemory, victimsOf } from './victims.ts';

const place = newPlace();
after(() => place.leave());

const MIB = 1024 * 1024;
const store = () => join(place.home, 'files');
const objects = (folder = store()) => globSync('objects/*/*', { cwd: folder });
const half = (folder = store()) => globSync('tmp/*', { cwd: folder });
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

interface Attempt {
  reason?: string;
  failureClass?: string;
  message?: string;
}

/** Of each attempt of a processor of the newest run why it failed, and of which class that is. */
async function attemptsOf(name: string, env = {}): Promise<string[]> {
  const { processors } = await place.json(['runs', 'get', 'latest'], { env });
  const { attempts = [] } = processors.find((one: { name: string }) => one.name === name);
  return attempts.map(({ reason, failureClass }: Attempt) => `${reason ?? ''} ${failureClass ?? ''}`.trim());
}

const pipeline = (name: string, make: string, use = 'cat ${{ files.make.f }}') =>
  place.write(
    `${name}.yaml`,
    `name: ${name}\nprocessors:\n  make:\n    run: |\n      ${make.replaceAll('\n', '\n      ')}\n  use: { needs: make, run: ${JSON.stringify(use)} }\n`,
  );

test('a program that writes through a placed file: what comes after is refused it, and it is there again when made again', async () => {
  place.write(
    'vandal.yaml',
    `name: vandal
processors:
  make: { run: 'echo original > "$WIZ_FILES/f"' }
  vandal: { needs: make, run: 'cd "$WIZ_STAGING/files/make"; test -e ../../spared || { chmod u+w f; echo more >> f; }; touch ../../spared' }
  use: { needs: [make, vandal], run: "cat ${'${{ files.make.f }}'}" }
`,
  );
  const { code, stdout } = await place.run(['run', 'vandal.yaml']);
  assert.equal(code, 1);
  assert.match(
    stdout,
    /use failed: file-mismatch\n.*has been changed.*a program wrote to a file that was placed.*make it again/,
  );
  assert.deepEqual(
    await attemptsOf('use'),
    ['file-mismatch FAILURE_CLASS_APP'],
    'not tried again for nothing',
  );
  assert.equal((await place.run(['files', 'cat', 'vandal/make/f'])).code, 3);
  await place.out(['runs', 'retry', 'latest', '--from', 'make']);
  assert.equal(await place.out(['runs', 'logs', 'latest', 'use']), 'original\n');
});

test('a file that changes while it is stored fails its attempt, and nothing of it is there', async () => {
  const before = objects().length;
  pipeline(
    'writer',
    `head -c 300M /dev/zero > "$WIZ_FILES/f"
env -i PATH="$PATH" setsid bash -c 'exec >/dev/null 2>&1 </dev/null 9>>"$0"; until test -e "$1"; do echo x >&9; done' "$WIZ_FILES/f" "$PWD/enough" &
echo $! > writer.new; mv writer.new writer; sleep 0.2`,
  );
  try {
    const { code, stdout } = await place.run(['run', 'writer.yaml']);
    assert.equal(code, 1, stdout);
    assert.deepEqual(await attemptsOf('make'), ['file-changed FAILURE_CLASS_APP']);
    assert.match(stdout, /changed while it was read; nothing was stored/);
    assert.equal(objects().length, before);
    assert.deepEqual(half(), []);
  } finally {
    place.write('enough', '');
  }
});

test('a store that is full, and one that is read-only: of the class infra, nothing half-stored, and the run goes on later', async (t) => {
  const disk = join(place.folder, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return t.skip('mounting a small disk needs root');
  }
  const env = { WIZ_FILE_STORE: `folder:${join(disk, 'store')}` };
  try {
    pipeline(
      'filling',
      'if test -e smaller; then echo small; else head -c 20M /dev/urandom; fi > "$WIZ_FILES/f"',
    );
    const full = await place.run(['run', 'filling.yaml'], { env });
    assert.equal(full.code, 1);
    assert.match(full.stdout, /make failed: store-full/);
    assert.deepEqual(new Set(await attemptsOf('make', env)), new Set(['store-full FAILURE_CLASS_INFRA']));
    assert.deepEqual([objects(join(disk, 'store')), half(join(disk, 'store'))], [[], []]);

    execFileSync('mount', ['-o', 'remount,ro', disk]);
    place.write('smaller', '');
    const shut = await place.run(['runs', 'retry', 'latest'], { env });
    assert.equal(shut.code, 1);
    assert.match(shut.stdout, /make failed: store-read-only/);
    assert.match((await attemptsOf('make', env)).at(-1)!, /store-read-only FAILURE_CLASS_INFRA/);

    execFileSync('mount', ['-o', 'remount,rw', disk]);
    await place.out(['runs', 'retry', 'latest'], { env });
    assert.equal(await place.out(['runs', 'logs', 'latest', 'use'], { env }), 'small\n');
  } finally {
    await place.run(['executor', 'stop', '--force'], { env });
    await until('the disk is let go', () => {
      try {
        execFileSync('umount', [disk], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    });
  }
});

test('a store that is gone is said to be gone, by commands and by attempts, and is there again when it is', async () => {
  pipeline('gone', 'touch ready; until test -e go; do sleep 0.05; done; echo content > "$WIZ_FILES/f"');
  const running = place.start(['run', 'gone.yaml']);
  await until('it runs', () => existsSync(join(place.folder, 'ready')));
  renameSync(store(), `${store()}.away`);
  try {
    writeFileSync(store(), 'a file in its place');
    place.write('go', '');
    const { code, stdout } = await running.ended;
    assert.equal(code, 1);
    assert.match(stdout, /make failed: store-unavailable/);
    const next = await place.run(['run', 'gone.yaml']);
    assert.equal(next.code, 3);
    assert.match(next.stderr, /The file store .* cannot be reached/);
    assert.doesNotMatch(next.stderr, /fault of wiz/);
  } finally {
    rmSync(store());
    renameSync(`${store()}.away`, store());
  }
  await place.out(['runs', 'retry', 'latest']);
  assert.equal(await place.out(['runs', 'logs', 'latest', 'use']), 'content\n');
});

test('an S3 endpoint that drops every third request: a run, its cache and its files as if nothing were', async () => {
  const server = new S3Server();
  const endpoint = await server.listen();
  const env = {
    WIZ_FILE_STORE: `s3://${BUCKET}/wiz?endpoint=${endpoint}&region=us-east-1&pathStyle=true`,
    AWS_ACCESS_KEY_ID: ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
  server.faults.dropEvery = 3;
  try {
    place.write(
      's3.yaml',
      `name: s3
cache: true
processors:
  make: { run: 'mkdir "$WIZ_FILES/d"; seq 3000000 > "$WIZ_FILES/f"; for i in 1 2 3; do echo $i > "$WIZ_FILES/d/$i"; done' }
  use: { needs: make, run: "cat ${'${{ files.make.d }}'}/*; cp ${'${{ files.make.f }}'} $WIZ_FILES/f" }
  last: { needs: use, run: "sha256sum < ${'${{ files.use.f }}'}" }
outputs: { files: { f: "${'${{ files.use.f }}'}", d: "${'${{ files.make.d }}'}" } }
`,
    );
    await place.out(['run', 's3.yaml'], { env });
    const text = Array.from({ length: 3_000_000 }, (_, n) => `${n + 1}\n`).join('');
    assert.equal(await place.out(['runs', 'logs', 'latest', 'last'], { env }), `${sha256(text)}  -\n`);
    // An executor of another environment shares the store, and nothing else.
    await place.out(['executor', 'stop'], { env });
    await place.out(['run', 's3.yaml'], { env: { ...env, OTHER: '1' } });
    const { run } = await place.json(['runs', 'get', 'latest'], { env });
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    await place.out(['files', 'get', 's3/f', '-o', 'from-s3'], { env });
    assert.equal(sha256(readFileSync(join(place.folder, 'from-s3'))), sha256(text));
    await place.out(['files', 'get', 's3/d'], { env });
    assert.equal(readFileSync(join(place.folder, 'd/2'), 'utf8'), '2\n');
    assert.deepEqual([...server.uploads], [], 'no upload is left open');
    assert.ok(server.requests.length > 30);

    Object.assign(server.faults, { dropEvery: 0, full: true });
    pipeline('full3', 'date +%N > "$WIZ_FILES/f"');
    assert.equal((await place.run(['run', 'full3.yaml'], { env })).code, 1);
    assert.match((await attemptsOf('make', env)).join(), /^(store-full FAILURE_CLASS_INFRA,?)+$/);
  } finally {
    await place.run(['executor', 'stop', '--force'], { env });
    await server.close();
  }
});

test('kill -9 of the executor, and of wiz, while a big file is stored: it is whole in the end, and counted once', async () => {
  // Two names: then it is copied, which takes a while and leaves a half file in tmp/.
  pipeline(
    'killed',
    `head -c 200M /dev/zero | tr '\\0' a > "$WIZ_FILES/f"; ln "$WIZ_FILES/f" "$WIZ_STAGING/other.$WIZ_ATTEMPT"
echo $$ > made.new; mv made.new made.$WIZ_ATTEMPT`,
    'sha256sum < ${{ files.make.f }}',
  );
  const wanted = createHash('sha256');
  for (let i = 0; i < 200; i++) wanted.update(Buffer.alloc(MIB, 'a'));
  const hash = wanted.digest('hex');
  const running = place.start(['run', 'killed.yaml']);
  await pidIn(join(place.folder, 'made.1'));
  await until('it is being stored', () => half().length > 0 || objects().some((path) => path.endsWith(hash)));
  kill(victimsOf(place.folder).executors);
  await pidIn(join(place.folder, 'made.2'));
  await until(
    'it is being stored again',
    () => half().length > 1 || objects().some((path) => path.endsWith(hash)),
  );
  running.child.kill('SIGKILL');
  await running.ended;
  const [{ runId }] = await place.json(['runs', 'list']);
  await place.out(['runs', 'watch', runId]);
  assert.equal(await place.out(['runs', 'logs', runId, 'use']), `${hash}  -\n`);
  for (const path of objects().map((name) => join(store(), name))) {
    if (statSync(path).size > 100 * MIB) assert.ok(path.endsWith(hash), path);
  }
});

test('two runs that store the same content at once: one object, and both have it', async () => {
  pipeline(
    'twins',
    'seq 1000000 > "$WIZ_FILES/f"; touch here.$WIZ_RUN_ID; until test $(ls here.* | wc -l) -ge 3; do sleep 0.02; done',
    'sha256sum < ${{ files.make.f }}',
  );
  const before = objects().length;
  const ended = await Promise.all([1, 2, 3].map(() => place.run(['run', 'twins.yaml', '--json'])));
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0, 0],
  );
  assert.equal(objects().length, before + 1);
  const logs = new Set<string>();
  for (const { runId } of (await place.json(['runs', 'list'])).slice(0, 3)) {
    logs.add(await place.out(['runs', 'logs', runId, 'use']));
  }
  assert.equal(logs.size, 1);
});

const OUTPUT_PATHS = ['../up', '/etc/x', 'a/../../b', '', '.', 'a//b', 'a\\u0000b'];

test('output paths that climb, that are absolute, and that hold a NUL are refused when they come from data', async () => {
  place.write(
    'paths.yaml',
    `name: paths
processors: { m: { run: 'echo x > "$WIZ_FILES/f"; cat path.json', data: json } }
outputs: { files: { sub: "\${{ {outputs.m: files.m.f} }}" } }
`,
  );
  for (const path of OUTPUT_PATHS) {
    place.write('path.json', `"${path}"`);
    assert.equal((await place.run(['run', 'paths.yaml'])).code, 1, path);
    const { run } = await place.json(['runs', 'get', 'latest']);
    assert.match(`${run.reason}: ${run.message}`, /^bad-\w+: outputs\.files has the path/, path);
    assert.deepEqual(await place.json(['files', 'ls', 'latest']), []);
  }
});

test('a big file goes through three processors with flat memory in wiz and its executor', async () => {
  pipeline(
    'flat',
    'head -c 512M /dev/zero > "$WIZ_FILES/f"',
    'cp ${{ files.make.f }} "$WIZ_FILES/f"; touch used; until test -e look; do sleep 0.05; done; cat "$WIZ_FILES/f" > "$WIZ_FILES/g"',
  );
  const running = place.start(['run', 'flat.yaml']);
  await until('it was used', () => existsSync(join(place.folder, 'used')));
  const { executors, commands } = victimsOf(place.folder);
  place.write('look', '');
  let peak = 0;
  await until('it has ended', () => {
    peak = Math.max(peak, ...[...executors, ...commands].map(peakMemory));
    return running.child.exitCode !== null;
  });
  assert.equal((await running.ended).code, 0);
  assert.ok(peak > 0 && peak < 400 * MIB, `${Math.round(peak / MIB)} MiB`);
  const [f, g] = (await place.json(['files', 'ls', 'latest', '--all'])).slice(-2);
  assert.equal(f.file.hash, g.file.hash);
});
