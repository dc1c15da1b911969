/** Wiz Files as a user meets them: left by one processor, found by the next, kept and fetched. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  globSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Files of the store: objects, and what is not one. */
const stored = () => globSync('objects/*/*', { cwd: join(place.home, 'files') });

const CHAIN = `
name: chain
processors:
  make:
    run: |
      cd "$WIZ_FILES"
      printf 'the same' > 'a b.txt'
      printf 'the same' > ünï.txt
      printf x > -dash
      mkdir -p dir/sub empty
      printf '#!/bin/sh\\necho tool' > dir/tool.sh; chmod +x dir/tool.sh
      ln -s tool.sh dir/link
  pass:
    needs: make
    run: |
      test ${"${{ files.make['a b.txt'].size }}"} = 8
      cp ${"${{ files.make['a b.txt'] }}"} "$WIZ_FILES/passed.txt"
      ${'${{ files.make.dir }}'}/tool.sh
      "$WIZ_STAGING/files/make/dir/link"
      cat "$WIZ_INPUT" > "$WIZ_FILES/input.json"
  again:
    needs: pass
    program: [cp, "${"${{ files.pass['passed.txt'] }}"}", "${'${{ run.id }}'}"]
    env: { WHERE: "${"${{ files.make['ünï.txt'].path }}"}" }
  last:
    needs: [again, pass]
    run: cat "$WIZ_STAGING/files/pass/passed.txt" - < "${"${{ files.make['-dash'] }}"}"
outputs:
  files:
    out/passed.txt: ${"${{ files.pass['passed.txt'] }}"}
    dir: ${'${{ files.make.dir }}'}
    all: ${'${{ files.make }}'}
    value.txt: ${'${{ outputs.last }}'}
    input.json: ${"${{ files.pass['input.json'] }}"}
`;

test('what is left in WIZ_FILES reaches what comes after, with any name, and is kept once', async () => {
  place.write('chain.yaml', CHAIN);
  await place.out(['run', 'chain.yaml']);
  assert.equal(await place.out(['files', 'cat', 'latest/value.txt']), 'the samex');
  assert.equal(await place.out(['runs', 'logs', 'latest', 'pass']), 'tool\ntool\n');

  const kept = await place.json(['files', 'ls', 'latest', '--all']);
  const hashes = new Map<string, string>(
    // biome-ignore lint/suspicious/noExplicitAny: as the command prints it
    kept.map((one: any) => [one.path || `${one.processor}/${one.file.name}`, one.file.hash]),
  );
  const same = sha256('the same');
  for (const path of ['make/a b.txt', 'make/ünï.txt', 'pass/passed.txt', 'out/passed.txt', 'all/ünï.txt']) {
    assert.equal(hashes.get(path), same, path);
  }
  // the same, x, the tool, the tree of dir, the empty tree, input.json, value.txt
  assert.equal(stored().length, 7);

  const input = JSON.parse(await place.out(['files', 'cat', 'chain/input.json']));
  const { path, ...file } = input.files.make['a b.txt'];
  assert.deepEqual(file, { name: 'a b.txt', hash: same, size: 8, folder: false, mediaType: 'text/plain' });
  assert.match(path, /\/staging\/\w+\/\w+\/files\/make\/a b\.txt$/);
  assert.deepEqual(Object.keys(input.files.make), ['-dash', 'a b.txt', 'dir', 'empty', 'ünï.txt']);
});

test('files get writes a file or a folder as it was, and replaces nothing unasked', async () => {
  const at = (path: string) => join(place.folder, path);
  assert.equal(await place.out(['files', 'get', 'chain/dir']), 'dir\n');
  assert.equal(statSync(at('dir/tool.sh')).mode & 0o111, 0o111);
  assert.ok(statSync(at('dir/sub')).isDirectory());
  assert.match(readFileSync(at('dir/link'), 'utf8'), /echo tool/);
  await place.out(['files', 'get', 'chain/all/a b.txt']);
  assert.equal(readFileSync(at('a b.txt'), 'utf8'), 'the same');
  assert.equal(statSync(at('a b.txt')).mode & 0o200, 0o200, 'one that may be written to');

  for (const name of ['chain/dir', 'chain/all/a b.txt']) {
    const refused = await place.run(['files', 'get', name]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /is there already\n.*--force/);
  }
  place.write('a b.txt', 'mine');
  place.write('dir/mine', 'gone with the folder');
  await place.out(['files', 'get', 'chain/all/a b.txt', '--force']);
  await place.out(['files', 'get', 'chain/dir', '--force']);
  assert.equal(readFileSync(at('a b.txt'), 'utf8'), 'the same');
  assert.ok(!existsSync(at('dir/mine')));

  await place.out(['files', 'get', 'chain/dir/tool.sh', '-o', 'run-me']);
  assert.equal(statSync(at('run-me')).mode & 0o111, 0o111);
  await place.out(['files', 'get', sha256('the same').slice(0, 10), '-o', 'dir/']);
  assert.equal(readFileSync(at('dir/passed.txt'), 'utf8'), 'the same');
  assert.equal(await place.out(['files', 'cat', 'chain/make/dir/tool.sh']), '#!/bin/sh\necho tool');
  for (const [name, says] of [
    ['chain/out', /left no file "out"/],
    ['chain/dir/none', /left no file "dir\/none"/],
    ['chain/../chain', /left no file/],
    ['5891', /names no file/],
    ['nobody/x', /neither a run nor a pipeline "nobody"/],
  ] as const) {
    const missing = await place.run(['files', 'get', name, '-o', 'missing']);
    assert.equal(missing.code, 2, name);
    assert.match(missing.stderr, says);
    assert.ok(!existsSync(at('missing')));
  }
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const left = globSync(['*', '.*'], { cwd: place.folder }).filter((name: any) => /wiz|tmp|part/.test(name));
  assert.deepEqual(left, []);
});

test('a file that is damaged is not handed out, by no command, and is there again when it was made again', async () => {
  const hash = sha256('the same');
  const object = join(place.home, 'files/objects', hash.slice(0, 2), hash);
  const { atime, mtime } = statSync(object);
  chmodSync(object, 0o644);
  writeFileSync(object, 'THE SAME');
  utimesSync(object, atime, mtime);
  for (const command of [
    ['get', 'chain/all/a b.txt', '-o', 'wrong'],
    ['cat', 'chain/all/a b.txt'],
  ]) {
    const { code, stderr } = await place.run(['files', ...command]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /has been changed.*make it again/);
  }
  assert.ok(!existsSync(join(place.folder, 'wrong')));
  // Made again, it is there again.
  await place.out(['run', 'chain.yaml']);
  assert.equal(await place.out(['files', 'cat', 'chain/all/a b.txt']), 'the same');
});

const BAD_NAMES: Record<string, [script: string, says: RegExp]> = {
  'line break': ["echo > $'a\\nb'", /"a\\nb" in WIZ_FILES has a line break/],
  'not UTF-8': ["echo > $'bad\\xff'", /name that is not UTF-8/],
  'a link out': ['ln -s /etc/passwd p', /"p" in WIZ_FILES is a link that leads out of WIZ_FILES/],
  'a link out of a folder': ['mkdir d; ln -s ../../../etc d/p', /leads to "\.\.\/\.\.\/\.\.\/etc"/],
  'a link to nowhere': ['ln -s none p', /leads nowhere/],
  'a pipe': ['mkdir d; mkfifo d/f', /is a pipe/],
};

test('what cannot be a file fails the attempt with its reason, and nothing of it is kept', async () => {
  place.write(
    'bad.yaml',
    'name: bad\nparams: { script: "" }\nprocessors:\n  m: { run: \'cd "$WIZ_FILES"; echo "$SCRIPT" > fine; eval "$SCRIPT"\' }\n',
  );
  for (const [what, [script, says]] of Object.entries(BAD_NAMES)) {
    const failed = await place.run(['run', 'bad.yaml', '-p', `script=${script}`]);
    assert.equal(failed.code, 1, what);
    assert.match(failed.stdout, /✖ m failed: bad-file/, what);
    assert.match(failed.stdout, says, what);
    assert.deepEqual(await place.json(['files', 'ls', 'latest', '--all']), [], what);
  }
  assert.deepEqual(globSync('tmp/*', { cwd: join(place.home, 'files') }), [], 'nothing is half-stored');
});

test('a failed attempt keeps nothing; a retry that made something else replaces what the next one sees', async () => {
  place.write(
    'retried.yaml',
    `name: retried
processors:
  make:
    retries: { limit: 1, backoff: { initial: 10ms } }
    run: echo "attempt $WIZ_ATTEMPT" > "$WIZ_FILES/f.txt"; echo > "$WIZ_FILES/only$WIZ_ATTEMPT"; test $WIZ_ATTEMPT -gt 1
  use: { needs: make, run: 'ls "$WIZ_STAGING/files/make"; cat "$WIZ_STAGING/files/make/f.txt"' }
  soft: { onFailure: warn, run: 'echo > "$WIZ_FILES/soft.txt"; exit 3' }
  after: { needs: soft, run: 'ls "$WIZ_STAGING/files/soft" 2>&1 || echo none' }
`,
  );
  await place.out(['run', 'retried.yaml']);
  const logs = (processor: string) => place.out(['runs', 'logs', 'latest', processor]);
  assert.equal(await logs('use'), 'f.txt\nonly2\nattempt 2\n');
  assert.match(await logs('after'), /none\n$/);
  assert.equal(await place.out(['files', 'cat', 'retried/make/f.txt']), 'attempt 2\n');
  assert.equal((await place.run(['files', 'cat', 'retried/make/only1'])).code, 2);
  assert.equal((await place.run(['files', 'cat', 'retried/soft/soft.txt'])).code, 2);

  await place.out(['runs', 'retry', 'latest', '--from', 'make']);
  assert.equal(await logs('use'), 'f.txt\nonly3\nattempt 3\n');
  assert.equal(await place.out(['files', 'cat', 'retried/make/f.txt']), 'attempt 3\n');
});

test('a name of a pipeline is its newest run that has the file', async () => {
  place.write(
    'newest.yaml',
    'name: newest\nparams: { ok: true }\nprocessors:\n  m: { run: \'$OK && echo "$WIZ_RUN_ID" > "$WIZ_FILES/id"\' }\n',
  );
  await place.out(['run', 'newest.yaml']);
  const [{ runId }] = await place.json(['runs', 'list']);
  assert.equal((await place.run(['run', 'newest.yaml', '-p', 'ok=false'])).code, 1);
  assert.equal(await place.out(['files', 'cat', 'newest/m/id']), `${runId}\n`);
});

test('a file goes through bundled processors: as the body of a request, as what is copied and read', async () => {
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    bodies.push(Buffer.concat(await request.toArray()));
    response.end('taken');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    place.write(
      'bundled.yaml',
      `name: bundled
processors:
  make: { run: "head -c 300000 /dev/zero > $WIZ_FILES/zeros" }
  copy: { needs: make, uses: file, with: { action: copy, from: "${'${{ files.make.zeros }}'}", path: copied } }
  send:
    needs: make
    uses: http
    with: { method: POST, url: "http://127.0.0.1:${port}/", bodyFile: "${'${{ files.make.zeros }}'}" }
`,
    );
    await place.out(['run', 'bundled.yaml']);
    assert.deepEqual(bodies.map(sha256), [sha256(Buffer.alloc(300_000))]);
    assert.equal(sha256(readFileSync(join(place.folder, 'copied'))), sha256(Buffer.alloc(300_000)));
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test('a file of many megabytes has the same hash after three processors, and nothing is left over', async () => {
  place.write(
    'big.yaml',
    `name: big
processors:
  make: { run: 'head -c 64M /dev/urandom > "$WIZ_FILES/big"; sha256sum < "$WIZ_FILES/big"' }
  two: { needs: make, run: 'cp ${'${{ files.make.big }}'} "$WIZ_FILES/big"' }
  three: { needs: two, run: 'sha256sum ${'${{ files.two.big }}'}; cat ${'${{ files.two.big }}'} > "$WIZ_FILES/big"' }
outputs: { files: { big: "${'${{ files.three.big }}'}" } }
`,
  );
  await place.out(['run', 'big.yaml']);
  const [made] = (await place.out(['runs', 'logs', 'latest', 'make'])).split(' ');
  const [{ file }] = await place.json(['files', 'ls', 'latest']);
  assert.equal(file.hash, made);
  await place.out(['files', 'get', 'latest/big', '-o', 'big']);
  assert.equal(sha256(readFileSync(join(place.folder, 'big'))), made);
  rmSync(join(place.folder, 'big'));
  assert.deepEqual(globSync('tmp/*', { cwd: join(place.home, 'files') }), []);
});
