import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { ExecutorService, FailureClass } from '../proto/gen/wiz/v1/executors_pb.js';
import { grpcClient } from '../proto/grpc.ts';
import { RUN, TestManager, TOKEN } from './session/session.fixture.ts';

const entry = fileURLToPath(new URL('./main.ts', import.meta.url));

interface Launched {
  child: ChildProcess;
  home: string;
  ready: { executorId: string; address: string; pid: number; slots: number };
  exit: Promise<unknown[]>;
  manager(): TestManager;
}

async function launch(t: TestContext, flags: string[] = [], environment = {}): Promise<Launched> {
  const home = mkdtempSync(join(tmpdir(), 'wiz-executor-'));
  writeFileSync(join(home, 'token'), `${TOKEN}\n`);
  const given = ['--home', home, '--token-file', join(home, 'token'), '--ready-fd', '3', ...flags];
  const child = spawn(process.execPath, [entry, ...given], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    detached: true,
  });
  const exit = once(child, 'exit');
  const closers: (() => void)[] = [];
  t.after(async () => {
    for (const close of closers.reverse()) close();
    child.kill('SIGKILL');
    await exit;
    rmSync(home, { recursive: true, force: true });
  });
  const [line] = await once(child.stdio[3] as Readable, 'data');
  const ready = JSON.parse(String(line));
  return {
    child,
    home,
    ready,
    exit,
    manager() {
      const client = grpcClient(ExecutorService, ready.address, credentials.createInsecure());
      const manager = new TestManager(client);
      closers.push(() => client.close());
      closers.push(() => manager.stream.cancel());
      return manager;
    },
  };
}

function script(manager: TestManager, processor: string, text: string): void {
  const action = { case: 'script' as const, value: { shell: 'sh', text } };
  const assignment = { processor, attempt: 1, action, graceMs: 2000 };
  manager.send({ assignments: [{ runId: RUN, epoch: 1, pipeline: 'p', assignments: [assignment] }] });
}

const isAlive = (pid: number) => existsSync(`/proc/${pid}/stat`) && !/^\d+ \(.*\) Z/.test(statOf(pid));
const statOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8');

test('runs programs, hands over log and report, and ends when it is warm for too long', async (t) => {
  const executor = await launch(t, ['--slots', '3', '--id', 'e-1', '--warm', '50'], {
    WIZ_EXECUTOR_TOKEN: 'secret',
  });
  const { executorId, pid, slots } = executor.ready;
  assert.deepEqual([executorId, pid, slots], ['e-1', executor.child.pid, 3]);
  const manager = executor.manager();
  await manager.hello();
  script(manager, 'a', 'echo "out $WIZ_PROCESSOR [$WIZ_EXECUTOR_TOKEN]"');
  const { report } = await manager.report('a');
  assert.equal(manager.text(), 'out a []\n', 'the token is not for programs');
  assert.equal(report.output?.value.value, 'out a []\n');
  manager.ack('a');
  await manager.end();
  assert.deepEqual(await executor.exit, [0, null]);
  assert.ok(!existsSync(join(executor.home, 'socket')));
  assert.ok(!existsSync(join(executor.home, 'programs')));
});

test('staging folders and files are where it was told, and stay', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-executor-data-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [staging, store] = [join(folder, 'staging'), join(folder, 'store')];
  const flags = ['--staging', staging, '--files', `folder:${store}`, '--id', 'e-1'];
  const executor = await launch(t, [...flags, '--warm', '50']);
  const manager = executor.manager();
  const { fileStoreId } = await manager.hello();
  assert.equal(readFileSync(join(store, 'id'), 'utf8').trim(), fileStoreId);
  script(manager, 'a', 'pwd; echo kept > note; echo x > "$WIZ_FILES/x"');
  const { report } = await manager.report('a');
  assert.equal(report.output?.value.value, `${join(staging, RUN, 'e-1')}\n`);
  const { hash } = report.files[0]!;
  manager.ack('a');
  await manager.end();
  await executor.exit;
  assert.equal(readFileSync(join(staging, RUN, 'e-1', 'note'), 'utf8'), 'kept\n');
  assert.equal(readFileSync(join(store, 'objects', hash.slice(0, 2), hash), 'utf8'), 'x\n');
});

test('SIGTERM ends its programs and hands over their reports; SIGINT is for whoever launched it', async (t) => {
  const executor = await launch(t);
  const manager = executor.manager();
  await manager.hello();
  script(manager, 'a', 'echo $$; exec sleep 600');
  await manager.until(() => manager.text().includes('\n'));
  const program = Number(manager.text());
  executor.child.kill('SIGINT');
  manager.call('still-there', 'noop');
  await manager.report('still-there');
  executor.child.kill('SIGTERM');
  const { report } = await manager.report('a');
  assert.deepEqual([report.reason, report.failureClass], ['executor-stopped', FailureClass.PREEMPTED]);
  manager.ack('a');
  manager.ack('still-there');
  assert.deepEqual(await executor.exit, [0, null]);
  assert.ok(!isAlive(program));
});

test('an orphan kills its programs and ends', async (t) => {
  const executor = await launch(t, ['--orphan', '50']);
  const manager = executor.manager();
  await manager.hello();
  script(manager, 'a', 'echo $$; exec sleep 600');
  await manager.until(() => manager.text().includes('\n'));
  const program = Number(manager.text());
  await manager.breakOff();
  assert.deepEqual(await executor.exit, [0, null]);
  assert.ok(!isAlive(program));
});

test('--describe prints its processors as a manager reads them', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [entry, '--describe']);
  const types: { name: string; exampleYaml: string }[] = JSON.parse(stdout);
  assert.ok(types.some(({ name, exampleYaml }) => name === 'sleep' && exampleYaml.includes('uses: sleep')));
});

test('wrong flags end with 2 and a sentence, an address that cannot be had with 3', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'wiz-executor-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const run = async (flags: string[], token = 'x') => {
    const env = { ...process.env, WIZ_EXECUTOR_TOKEN: token };
    const running = promisify(execFile)(process.execPath, [entry, '--home', home, ...flags], { env });
    return running.then(
      () => assert.fail('it must not serve'),
      (error: { code: number; stderr: string }) => [error.code, error.stderr] as const,
    );
  };
  const wrong: [string[], string, number, RegExp][] = [
    [['--slot', '1'], 'x', 2, /--slot/],
    [['--slots', 'many'], 'x', 2, /--slots many must be a whole number/],
    [[], '', 2, /needs a token/],
    [['--token-file', join(home, 'gone')], 'x', 2, /--token-file cannot be read/],
    [['--tls-cert', 'x'], 'x', 2, /both --tls-cert and --tls-key/],
    [['--listen', '0.0.0.0:0'], 'x', 2, /can be reached from other machines/],
    [['--files', 'nowhere'], 'x', 2, /begins neither with folder: nor with s3:/],
    [['--listen', 'nowhere'], 'x', 2, /neither unix:\/path nor host:port/],
    [['--listen', `unix:${home}/${'x'.repeat(120)}`], 'x', 2, /more than \d+ bytes/],
    [['--listen', `127.0.0.1:${(taken.address() as AddressInfo).port}`], 'x', 3, /Cannot listen on/],
  ];
  for (const [flags, token, code, message] of wrong) {
    const [exit, text] = await run(flags, token);
    assert.equal(exit, code, text);
    assert.match(text, message);
    assert.doesNotMatch(text, /^\s+at /m, 'no stack trace');
  }
});
