/** Files between wiz and an executor that has a file store of its own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { newPlace, until } from './place.ts';

const place = newPlace();
after(() => place.leave());

const TOKEN = { WIZ_EXECUTOR_TOKEN: 'a-secret' };
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
/** Objects of the store of this place. */
const stored = () => globSync('objects/*/*', { cwd: join(place.home, 'files') }).length;

/** Left in pieces of every kind: a file, many in a folder, and a value that is too large to travel as one. */
const CHAIN = `
name: chain
processors:
  make:
    run: |
      head -c 5000000 /dev/urandom > "$WIZ_FILES/large.bin"
      mkdir -p "$WIZ_FILES/many/in/side"
      for n in $(seq 120); do echo "file $n" > "$WIZ_FILES/many/in/side/$n.txt"; done
      printf '#!/bin/sh\\necho tool' > "$WIZ_FILES/many/tool"; chmod +x "$WIZ_FILES/many/tool"
      sha256sum < "$WIZ_FILES/large.bin"
  value:
    data: lines
    run: seq 100000
  use:
    needs: [make, value]
    run: |
      sha256sum < ${"${{ files.make['large.bin'] }}"}
      ${'${{ files.make.many }}'}/tool
      ls "$WIZ_STAGING/files/make/many/in/side" | wc -l
      echo ${'${{ size(outputs.value) }}'}
      cp ${"${{ files.make['large.bin'] }}"} "$WIZ_FILES/used.bin"
outputs:
  files:
    used.bin: ${"${{ files.use['used.bin'] }}"}
    many: ${'${{ files.make.many }}'}
`;

/** `wiz executor` on a free port; ended with the test. */
async function executor(t: TestContext, ...flags: string[]) {
  const started = place.start(['executor', '--listen', '127.0.0.1:0', ...flags], { env: TOKEN });
  t.after(async () => {
    started.child.kill('SIGTERM');
    assert.equal((await started.ended).code, 0);
    // What is gone is listed no more, once that was seen.
    const { executorId } = JSON.parse(started.stdout);
    await until('it is listed no more', async () => {
      const listed: { executorId: string }[] = await place.json(['executor', 'list']);
      return !listed.some((one) => one.executorId === executorId);
    });
  });
  await started.prints(/\n/);
  return JSON.parse(started.stdout) as { executorId: string; address: string };
}

async function checkChain(): Promise<void> {
  const { processors } = await place.json(['runs', 'get', 'latest']);
  const [make, use] = ['make', 'use'].map((name) =>
    processors.find((one: { name: string }) => one.name === name),
  );
  const hash = make.output.text.split(' ')[0];
  assert.deepEqual(use.output.text.split('\n'), [`${hash}  -`, 'tool', '120', '100000', '']);
  await place.out(['files', 'get', 'latest/used.bin', '-o', join(place.folder, hash)]);
  assert.equal(sha256(join(place.folder, hash)), hash);
  assert.equal((await place.out(['files', 'cat', 'latest/many/in/side/17.txt'])).trim(), 'file 17');
}

test('a chain over an executor with its own store: files come home, go on, and are kept', async (t) => {
  place.write('chain.yaml', CHAIN);
  const { address, executorId } = await executor(t, '--home', join(place.folder, 'one'));
  await place.out(['run', 'chain.yaml', '--executor', address], { env: TOKEN });
  await checkChain();
  assert.ok(stored() > 120);

  // Another executor has none of it: what is used comes from here.
  place.write('again.yaml', CHAIN.replace('cp ', 'cp -p '));
  const second = await executor(t, '--home', join(place.folder, 'two'));
  assert.notEqual(second.executorId, executorId);
  await place.out(['run', 'again.yaml', '--executor', second.address], { env: TOKEN });
  await checkChain();
});

test('an executor that shares the store moves nothing', async (t) => {
  place.write('chain.yaml', CHAIN);
  const { address } = await executor(t, '--files', `folder:${join(place.home, 'files')}`);
  await place.out(['run', 'chain.yaml', '--executor', address], { env: TOKEN });
  await checkChain();
});

test('--staging is where runs work, and a store of its own goes with the executor', async (t) => {
  place.write(
    'where.yaml',
    'name: where\nprocessors:\n  a: { run: "echo $WIZ_STAGING; echo x > $WIZ_FILES/x" }\n',
  );
  const [home, staging] = ['home-of-it', 'staging'].map((name) => join(place.folder, name));
  await t.test('while it serves', async (inner) => {
    const { address } = await executor(inner, '--home', home!, '--staging', staging!);
    await place.out(['run', 'where.yaml', '--executor', address], { env: TOKEN });
    const { processors } = await place.json(['runs', 'get', 'latest']);
    assert.ok(processors[0].output.text.startsWith(`${staging}/`), processors[0].output.text);
    assert.ok(existsSync(join(home!, 'files/objects')));
  });
  assert.ok(!existsSync(join(home!, 'files')), readdirSync(home!).join());
  const wrong = await place.run(['executor', '--files', 'somewhere'], { env: TOKEN });
  assert.equal(wrong.code, 2, wrong.stderr);
});

/** A way to an executor that stops all that comes from it after so many bytes of a connection, until it is let go. */
async function stopping(t: TestContext, address: string, afterBytes: number) {
  const [host, port] = address.split(':');
  const sockets = new Set<Socket>();
  const way = { address: '', stopped: 0, isOpen: false };
  const server = createServer((near) => {
    const far = dial(Number(port), host);
    let bytes = 0;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket
        .on('error', () => {})
        .on('close', () => {
          near.destroy();
          far.destroy();
        });
    }
    near.pipe(far);
    far.on('data', (chunk) => {
      bytes += chunk.length;
      if (!way.isOpen && bytes > afterBytes) {
        way.stopped += 1;
        far.pause();
      } else near.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  way.address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return way;
}

test('kill -9 of wiz between the end of an attempt and its file: the next one reads it', async (t) => {
  place.write(
    'left.yaml',
    `name: left
processors:
  make: { run: 'head -c 8000000 /dev/urandom > "$WIZ_FILES/f"; sha256sum < "$WIZ_FILES/f"; echo x >> made' }
outputs: { files: { f: "${'${{ files.make.f }}'}" } }
`,
  );
  const { address } = await executor(t);
  const way = await stopping(t, address, 1_000_000);
  const running = place.start(['run', 'left.yaml', '--executor', way.address], { env: TOKEN });
  await until('the file is on its way', () => way.stopped > 0 || running.child.exitCode !== null);
  assert.equal(running.child.exitCode, null, running.stderr);
  const [run] = await place.json(['runs', 'list', '--pipeline', 'left']);
  assert.equal(run.state, 'RUN_STATE_RUNNING');
  running.child.kill('SIGKILL');
  await running.ended;
  way.isOpen = true;
  await place.out(['runs', 'watch', run.runId], { env: TOKEN });
  const { processors } = await place.json(['runs', 'get', run.runId]);
  assert.equal(processors[0].attempts.length, 1);
  assert.equal(readFileSync(join(place.folder, 'made'), 'utf8'), 'x\n');
  await place.out(['files', 'get', `${run.runId}/f`, '-o', join(place.folder, 'fetched')]);
  assert.equal(processors[0].output.text.split(' ')[0], sha256(join(place.folder, 'fetched')));
});
