import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type Secret, SecretSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import { resolveSecrets, SECRET_LIMIT_BYTES } from './resolve.ts';
import { runSecretCommand } from './secret-command.ts';
import { SecretFailure } from './secrets.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-secrets-'));
after(() => fs.rmSync(folder, { recursive: true }));

const environment = (name: string, value: string, exposed = false) =>
  create(SecretSchema, { name, source: { case: 'environment', value }, exposed });
const file = (name: string, value: string) => create(SecretSchema, { name, source: { case: 'file', value } });
const command = (name: string, ...argv: string[]) =>
  create(SecretSchema, { name, source: { case: 'command', value: { argv } } });

const ENVIRONMENT = {
  PATH: process.env.PATH,
  TOKEN_OF_TEST: 'from-env',
  EMPTY: '',
  BLANK: ' \n',
  LONG: 'x'.repeat(70_000),
};
const resolve = (secrets: Secret[], signal = new AbortController().signal) =>
  resolveSecrets(secrets, { environment: ENVIRONMENT, signal });

function written(name: string, content: string | Uint8Array): string {
  const at = path.join(folder, name);
  fs.writeFileSync(at, content);
  return at;
}

test('values come from the environment, a file and a command', async () => {
  const found = await resolve([
    environment('A', 'TOKEN_OF_TEST', true),
    file('B', written('b', 'of a file\n\n')),
    command('C', 'sh', '-c', 'printf "%s\\r\\n" "$TOKEN_OF_TEST and \'more\'"'),
  ]);
  assert.equal(found.value('A'), 'from-env');
  assert.equal(found.value('B'), 'of a file\n');
  assert.equal(found.value('C'), "from-env and 'more'");
  assert.deepEqual(found.environment, { A: 'from-env' });
  assert.throws(() => found.value('D'), /no secret "D"/);
  assert.equal(found.redactText('x from-env y of a file z'), 'x *** y *** z');
  const stream = found.redactor();
  const pieces = [stream.push(Buffer.from('<from-')), stream.push(Buffer.from('env>')), stream.end()];
  assert.equal(Buffer.concat(pieces).toString(), '<***>');
});

test('an attempt without secrets has nothing to redact', async () => {
  const none = await resolve([]);
  assert.equal(none.redactText('from-env'), 'from-env');
  assert.deepEqual(none.environment, {});
});

test('the argv of a command meets no shell', async () => {
  const found = await resolve([command('A', 'printf', '%s', '$HOME; echo `id` *')]);
  assert.equal(found.value('A'), '$HOME; echo `id` *');
});

test('what is missing says what to do', async () => {
  await fails(
    environment('A', 'NOT_THERE'),
    'secret-missing',
    /secret A: the variable NOT_THERE is not set where the executor was started; set it there/,
  );
  await fails(environment('A', 'EMPTY'), 'secret-missing', /EMPTY is empty/);
  await fails(environment('A', 'BLANK'), 'secret-missing', /secret A is empty/);
  await fails(
    file('A', path.join(folder, 'none')),
    'secret-missing',
    /no file .*none on the executor's machine; create it/,
  );
  await fails(file('A', written('empty', '\n')), 'secret-missing', /empty/);
  await fails(command('A', 'true'), 'secret-missing', /empty/);
  await fails(create(SecretSchema, { name: 'A' }), 'secret-missing', /neither env, file nor command/);
});

test('what cannot be a secret is refused', async () => {
  const limit = `${SECRET_LIMIT_BYTES / 1024} KiB`;
  await fails(file('A', 'relative'), 'secret-unreadable', /not an absolute path/);
  await fails(file('A', folder), 'secret-unreadable', /not a regular file/);
  await fails(file('A', '/dev/zero'), 'secret-unreadable', /not a regular file/);
  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  await fails(file('A', fifo), 'secret-unreadable', /not a regular file/);
  await fails(
    file('A', written('large', 'x'.repeat(SECRET_LIMIT_BYTES + 1))),
    'secret-unreadable',
    new RegExp(limit),
  );
  await fails(environment('A', 'LONG'), 'secret-unreadable', new RegExp(limit));
  await fails(
    file('A', written('binary', new Uint8Array([0xff, 0xfe, 0x80]))),
    'secret-unreadable',
    /no text/,
  );
  await fails(file('A', written('nul', 'a\0b')), 'secret-unreadable', /NUL/);
  assert.equal(
    (await resolve([file('A', written('most', 'x'.repeat(SECRET_LIMIT_BYTES)))])).value('A').length,
    SECRET_LIMIT_BYTES,
  );
});

test('a command that fails tells how it ended, and nothing that it wrote', async () => {
  const talks = 'echo hidden-out; echo hidden-err >&2;';
  const failed = 'secret-command-failed';
  await fails(
    command('A', 'sh', '-c', `${talks} exit 3`),
    failed,
    /^secret A: "sh" exited with code 3; run it by hand/,
  );
  await fails(command('A', 'sh', '-c', `${talks} kill -9 $$`), failed, /was ended by SIGKILL/);
  await fails(command('A', 'no-such-program'), failed, /was not found/);
  await fails(command('A', folder), failed, /not executable/);
  await fails(command('A', ''), failed, /cannot be started/);
  await fails(command('A'), failed, /cannot be started/);
  await fails(command('A', 'yes', 'hidden-out'), failed, /more than 64 KiB/);
});

test('a command runs in its folder, where that is there', async () => {
  fs.writeFileSync(path.join(folder, 'tell.sh'), 'echo "told here"');
  const found = await resolve([{ ...command('A', 'sh', 'tell.sh'), folder }]);
  assert.equal(found.value('A'), 'told here');
  const elsewhere = await resolve([{ ...command('A', 'pwd'), folder: path.join(folder, 'none') }]);
  assert.equal(elsewhere.value('A'), process.cwd());
});

test('a command that takes too long is killed, with all it started', async () => {
  const pidFile = path.join(folder, 'pid');
  const argv = ['sh', '-c', `sleep 100 & echo $! > ${pidFile}; echo started; wait`];
  const ground = { environment: ENVIRONMENT, signal: new AbortController().signal, timeLimitMs: 500 };
  await assert.rejects(
    runSecretCommand('A', argv, 1024, ground),
    /did not end and close its output within 0.5 s/,
  );
  await gone(Number(fs.readFileSync(pidFile, 'utf8')));
});

test('a signal kills the commands and is what is told', async () => {
  const cancel = new AbortController();
  const pidFile = path.join(folder, 'cancelled');
  const pending = resolve([command('A', 'sh', '-c', `echo $$ > ${pidFile}; exec sleep 100`)], cancel.signal);
  const pid = await pidIn(pidFile);
  cancel.abort(new Error('the attempt was cancelled'));
  await assert.rejects(pending, /the attempt was cancelled/);
  await gone(pid);
  await assert.rejects(
    resolve([environment('A', 'TOKEN_OF_TEST')], cancel.signal),
    /the attempt was cancelled/,
  );
});

test('one secret that cannot be found ends the commands of the others', async () => {
  const pidFile = path.join(folder, 'other');
  const other = command('B', 'sh', '-c', `echo $$ > ${pidFile}; exec sleep 100`);
  const failing = command('A', 'sh', '-c', `until [ -s ${pidFile} ]; do sleep 0.01; done; exit 1`);
  await fails([other, failing], 'secret-command-failed', /secret A/);
  await gone(Number(fs.readFileSync(pidFile, 'utf8')));
});

async function fails(secrets: Secret | Secret[], reason: string, message: RegExp): Promise<void> {
  await assert.rejects(resolve([secrets].flat()), (error) => {
    assert.ok(error instanceof SecretFailure, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /hidden/);
    return true;
  });
}

async function pidIn(at: string): Promise<number> {
  return until(() => (fs.existsSync(at) ? Number(fs.readFileSync(at, 'utf8')) : 0));
}

async function gone(pid: number): Promise<void> {
  await until(() => {
    try {
      // A zombie that waits for its parent, which is not us, is dead too.
      return /^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return true;
    }
  });
}

async function until<T>(condition: () => T): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, 'waited for 10 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
