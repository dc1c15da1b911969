import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { DataForm, LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import { FailureClass, Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { bash, createFixture, fileOutput } from './program-fixture.ts';

function assertFailed(report: Report, reason: string, message: RegExp): void {
  assert.equal(report.outcome, Outcome.FAILED, report.message);
  assert.equal(report.reason, reason, report.message);
  assert.match(report.message, message);
}

function textOutput(report: Report): string {
  assert.equal(report.output?.value.case, 'text', `${report.reason} ${report.message}`);
  return report.output.value.value as string;
}

function jsonOutput(report: Report): unknown {
  assert.equal(report.output?.value.case, 'json', `${report.reason} ${report.message}`);
  return JSON.parse(report.output.value.value as string);
}

for (const kind of ['native', 'portable'] as const) {
  describe(`programs by the ${kind} spawner`, async () => {
    const { runner, run, start, folder, executorId, data } = await createFixture({ after }, kind);

    test('the spawner is of that kind', async () => {
      assert.equal((await runner.stats()).kind, kind);
    });

    test('standard output is the output, and the report has measures', async () => {
      const { report, stdout, stderr } = await run(['sh', '-c', 'echo one; echo two >&2; printf three']);
      assert.equal(report.outcome, Outcome.SUCCEEDED);
      assert.equal(report.reason, '');
      assert.deepEqual(report.output?.value, { case: 'text', value: 'one\nthree' });
      assert.equal(stdout.toString(), 'one\nthree');
      assert.equal(stderr.toString(), 'two\n');
      assert.equal(report.logLines, 3);
      assert.equal(report.usage?.stdoutBytes, 9);
      assert.equal(report.usage?.stderrBytes, 4);
      assert.equal(report.usage?.outputBytes, 9);
      assert.ok(report.startedUnixMs <= report.endedUnixMs && report.endedUnixMs <= Date.now());
    });

    test('a program without output has none', async () => {
      const { report } = await run(['true']);
      assert.equal(report.outcome, Outcome.SUCCEEDED);
      assert.equal(report.output, undefined);
    });

    test('exit codes and signals are told apart', async () => {
      const [three, killed] = await Promise.all([
        run(['sh', '-c', 'exit 3']),
        run(['sh', '-c', 'kill -SEGV $$']),
      ]);
      assertFailed(three.report, 'exit-code', /^exited with code 3$/);
      assert.equal(three.report.exitCode, 3);
      assert.equal(three.report.failureClass, FailureClass.APP);
      assertFailed(killed.report, 'signal', /SIGSEGV/);
      assert.equal(killed.report.signal, 'SIGSEGV');
    });

    test('both streams arrive byte by byte, whatever the pieces are', async () => {
      const text = 'zwölf 😀 Boxkämpfer 🥊\n'.repeat(20_000);
      const binary = crypto.randomBytes(1_000_003);
      fs.writeFileSync(path.join(folder, 'text'), text);
      fs.writeFileSync(path.join(folder, 'binary'), binary);
      const script = `
        const fs = require('fs');
        const text = fs.readFileSync('text');
        for (let at = 0; at < text.length; at += 7001) fs.writeSync(2, text.subarray(at, at + 7001));
        fs.writeFileSync(1, fs.readFileSync('binary'));`;
      const { report, stdout, stderr } = await run({ shell: 'node', text: script });
      assert.equal(report.outcome, Outcome.SUCCEEDED, report.message);
      assert.ok(stdout.equals(binary));
      assert.equal(stderr.toString(), text);
      assert.equal(report.output?.form, DataForm.BYTES);
      assert.ok(binary.equals(await data.files.store.readBytes(fileOutput(report).hash)));
    });

    test('chunks carry their offset, their line and at most 64 KiB', async () => {
      const attempt = start(bash('for i in $(seq 4000); do echo "line $i"; done'));
      const { report, stdout } = await attempt.done;
      let offset = 0;
      for (const chunk of attempt.chunks) {
        assert.equal(chunk.stream, LogStream.STDOUT);
        assert.equal(chunk.offset, offset);
        assert.equal(chunk.line, stdout.subarray(0, offset).toString().split('\n').length);
        assert.ok(chunk.data.length <= 65536);
        offset += chunk.data.length;
      }
      assert.equal(report.logLines, 4000);
    });

    test('output that is not UTF-8 is bytes', async () => {
      const { report } = await run(['printf', 'a\\377b']);
      assert.equal(report.output?.value.case, 'bytes');
      assert.deepEqual(report.output?.value.value, new Uint8Array([97, 255, 98]));
    });

    test('the environment is put together from all four places', async () => {
      const { report } = await run(
        { shell: 'node', text: 'console.log(JSON.stringify(process.env))' },
        {
          runId: 'run7',
          processor: 'list',
          attempt: 4,
          environment: { ROOT: '/srv', TEAM: 'platform', EMPTY: '' },
          assignment: { environment: { TEAM: 'mine', SHOUT: 'grüß 😀=x', WIZ_RUN_ID: 'forged' } },
        },
      );
      const env = JSON.parse(textOutput(report));
      assert.equal(env.PATH, process.env.PATH);
      assert.equal(env.ROOT, '/srv');
      assert.equal(env.TEAM, 'mine');
      assert.equal(env.EMPTY, '');
      assert.equal(env.SHOUT, 'grüß 😀=x');
      assert.equal(env.WIZ_EXECUTOR_ID, executorId);
      assert.equal(env.WIZ_RUN_ID, 'run7');
      assert.equal(env.WIZ_PIPELINE, 'pipe');
      assert.equal(env.WIZ_PROCESSOR, 'list');
      assert.equal(env.WIZ_ATTEMPT, '4');
      assert.equal(env.WIZ_STAGING, path.join(folder, 'runs/run7', executorId));
      assert.equal(env.WIZ_SPAWNER, undefined);
    });

    test('arguments arrive as they are, empty ones too', async () => {
      const args = ['', 'a b', '"', '*', 'ü😀', '--x=y', ''];
      const print = 'console.log(JSON.stringify(process.argv.slice(1)))';
      const { report } = await run([process.execPath, '-e', print, '--', ...args]);
      assert.deepEqual(JSON.parse(textOutput(report)), args);
    });

    test('a program has /dev/null, its two streams, no other file, a session of its own', async () => {
      const { report } = await run(
        bash(
          'ls /proc/self/fd | tr "\\n" " "; readlink /proc/$$/fd/0; echo $$; cut -d" " -f5,6 /proc/$$/stat; grep -E "SigBlk|SigIgn" /proc/$$/status',
        ),
      );
      const [files, pid, groups, ...masks] = textOutput(report).trim().split('\n');
      // 3 is ls's own look at the folder. The portable spawner hands on what it was started with.
      if (kind === 'native') assert.equal(files, '0 1 2 3 /dev/null');
      assert.equal(groups, `${pid} ${pid}`);
      assert.equal(masks.length, 2);
      const libcsOwn = 0x180000000n; // 32 and 33, which glibc ignores in every child it starts
      for (const mask of masks) assert.equal(BigInt(`0x${mask.split(/\s+/)[1]}`) & ~libcsOwn, 0n, mask);
    });

    test('scripts of every shell', async () => {
      const outputs = await Promise.all([
        run(bash('a=(1 2); echo "bash ${#a[@]}"')),
        run({ shell: 'sh', text: 'echo sh' }),
        run({ shell: 'python', text: 'import sys\nprint("python", len(sys.argv))' }),
        run({ shell: 'node', text: 'import os from "node:os"; console.log("node", typeof os.cpus)' }),
        run({ shell: 'node', text: '-1; console.log("minus", typeof require)' }),
        run({ shell: 'sh', text: '-x || echo minus' }),
      ]);
      assert.deepEqual(
        outputs.map(({ report }) => report.output?.value.value),
        ['bash 2\n', 'sh\n', 'python 1\n', 'node function\n', 'minus function\n', 'minus\n'],
      );
    });

    test('scripts longer than an argument may be', async () => {
      const padding = (sign: string) => `${sign} ${'x'.repeat(200_000)}\n`;
      const outputs = await Promise.all([
        run(bash(`${padding('#')}echo long bash`)),
        run({ shell: 'sh', text: `${padding('#')}echo long sh` }),
        run({ shell: 'python', text: `${padding('#')}import sys\nprint("long python", len(sys.argv))` }),
        run({ shell: 'node', text: `${padding('//')}console.log("long node")` }),
      ]);
      assert.deepEqual(
        outputs.map(({ report }) => report.output?.value.value),
        ['long bash\n', 'long sh\n', 'long python 1\n', 'long node\n'],
      );
    });

    test('bash ends at the first failure, also within a pipe', async () => {
      const [plain, piped] = await Promise.all([
        run(bash('false; echo on')),
        run(bash('false | cat; echo on')),
      ]);
      for (const { report, stdout } of [plain, piped]) {
        assertFailed(report, 'exit-code', /code 1/);
        assert.equal(stdout.length, 0);
      }
    });

    test('WIZ_INPUT has the input, or an empty one', async () => {
      const inputJson = '{"params":{"a":1},"context":{}}';
      const whole = '{"params":{"a":1},"context":{},"outputs":{},"files":{}}';
      const given = await run(bash('cat "$WIZ_INPUT"; echo spoiled > "$WIZ_INPUT"'), {
        assignment: { inputJson },
      });
      assert.equal(given.report.output?.value.value, whole);
      assert.equal(given.report.usage?.inputBytes, whole.length);
      const again = await run(['sh', '-c', 'cat "$WIZ_INPUT"'], { assignment: { inputJson } });
      assert.equal(again.report.output?.value.value, whole);
      const none = await run(['sh', '-c', 'cat "$WIZ_INPUT"']);
      assert.deepEqual(JSON.parse(textOutput(none.report)), {
        params: {},
        context: {},
        outputs: {},
        files: {},
      });
    });

    test('WIZ_OUTPUT and WIZ_CONTEXT become output and context, once', async () => {
      const json = await run(
        bash('echo log; echo \'{"a": [1, 2]}\' > "$WIZ_OUTPUT"; echo TEAM=x=y >> "$WIZ_CONTEXT"'),
      );
      assert.deepEqual(jsonOutput(json.report), { a: [1, 2] });
      assert.deepEqual(json.report.context, { TEAM: 'x=y' });
      const lines = await run(bash('printf "a=1\\n\\nb.c-d=two words\\n" >> "$WIZ_OUTPUT"'));
      assert.deepEqual(jsonOutput(lines.report), { a: '1', 'b.c-d': 'two words' });
      const next = await run(bash('echo plain'));
      assert.deepEqual(next.report.output?.value, { case: 'text', value: 'plain\n' });
      assert.deepEqual(next.report.context, {});
    });

    test('bad WIZ_OUTPUT fails the attempt, a large one is a file', async () => {
      const [bad, large, context] = await Promise.all([
        run(bash('printf "a=1\\nnot a pair\\n" > "$WIZ_OUTPUT"')),
        run(bash('head -c 300000 /dev/zero | tr "\\0" 1 > "$WIZ_OUTPUT"')),
        run(bash('echo "1X=2" > "$WIZ_CONTEXT"')),
      ]);
      assertFailed(bad.report, 'bad-output', /line 2 .*not a pair/);
      assert.equal(large.report.output?.form, DataForm.JSON);
      assert.equal(fileOutput(large.report).size, 300_000);
      assertFailed(context.report, 'bad-context', /line 1 .*1X=2/);
    });

    test('progress of a program that takes its time', async () => {
      const attempt = start(
        bash('echo "21/50 half way" >> "$WIZ_PROGRESS"; until [ -e go ]; do sleep 0.02; done'),
        { sink: { log: () => undefined, progress } },
      );
      const told = Promise.withResolvers<[number, string]>();
      function progress(fraction: number, message: string): void {
        told.resolve([fraction, message]);
      }
      assert.deepEqual(await told.promise, [0.42, 'half way']);
      fs.writeFileSync(path.join(folder, 'go'), '');
      assert.equal((await attempt.done).report.outcome, Outcome.SUCCEEDED);
    });

    test('the workdir: given, staging when empty, refused when missing', async () => {
      const [here, staging, missing, file] = await Promise.all([
        run(['pwd']),
        run(['pwd'], { runId: 'r2', assignment: { workdir: '' } }),
        run(['pwd'], { assignment: { workdir: `${folder}/none` } }),
        run(['pwd'], { assignment: { workdir: '/bin/sh' } }),
      ]);
      assert.equal(here.report.output?.value.value, `${folder}\n`);
      assert.equal(staging.report.output?.value.value, `${folder}/runs/r2/${executorId}\n`);
      assertFailed(missing.report, 'bad-workdir', /none does not exist/);
      assertFailed(file.report, 'bad-workdir', /is not a folder/);
    });

    test('what cannot be started says why', async () => {
      fs.writeFileSync(path.join(folder, 'plain.txt'), 'echo from plain "$1"');
      fs.writeFileSync(path.join(folder, 'plain'), 'echo from plain "$1"', { mode: 0o755 });
      fs.writeFileSync(path.join(folder, 'lost-interpreter'), '#!/no/such/lang -x\n', { mode: 0o755 });
      const [name, file, denied, directory, interpreter, nul, shell, plain, ownPath] = await Promise.all([
        run(['no-such-program']),
        run(['./no-such-file']),
        run(['./plain.txt']),
        run([folder]),
        run(['./lost-interpreter']),
        run(['echo', 'a\0b']),
        run({ shell: 'fish', text: 'x' }),
        run(['./plain', 'script']),
        run(['plain', 'found'], { assignment: { environment: { PATH: '.:/bin' } } }),
      ]);
      assertFailed(name.report, 'not-found', /"no-such-program" was not found; looked in PATH \(.*\/bin/);
      assertFailed(file.report, 'not-found', new RegExp(`"./no-such-file" .*${folder}/no-such-file`));
      assertFailed(denied.report, 'not-executable', /plain.txt" is not executable; run chmod/);
      assertFailed(directory.report, 'not-executable', /" is a folder$/);
      assertFailed(interpreter.report, 'not-found', /interpreter \/no\/such\/lang/);
      assertFailed(nul.report, 'bad-arguments', /argument 1 contains a NUL/);
      assertFailed(shell.report, 'bad-options', /"fish"/);
      assert.equal(plain.report.output?.value.value, 'from plain script\n');
      assert.equal(ownPath.report.output?.value.value, 'from plain found\n');
    });

    test('a program that moves within PATH is found again', async () => {
      for (const place of ['a', 'b']) fs.mkdirSync(path.join(folder, place));
      const tool = (place: string) => path.join(folder, place, 'tool');
      const more = { assignment: { environment: { PATH: 'a:b:/bin' } } };
      fs.writeFileSync(tool('a'), '#!/bin/sh\necho here', { mode: 0o755 });
      assert.equal((await run(['tool'], more)).report.output?.value.value, 'here\n');
      fs.renameSync(tool('a'), tool('b'));
      assert.equal((await run(['tool'], more)).report.output?.value.value, 'here\n');
    });

    test('a large environment arrives; one beyond the limits is refused', async () => {
      const environment = Object.fromEntries(
        Array.from({ length: 40 }, (_, n) => [`BIG_${n}`, String(n % 10).repeat(25_000)]),
      );
      const arrived = await run(bash('echo "${#BIG_0} ${#BIG_39} ${BIG_39:0:1}"'), { environment });
      assert.equal(arrived.report.output?.value.value, '25000 25000 9\n', arrived.report.message);
      const beyond = await run(['true'], { environment: { HUGE: 'x'.repeat(200_000) } });
      assertFailed(beyond.report, 'arguments-too-large', /WIZ_INPUT/);
      const nul = await run(['true'], { environment: { BAD: 'a\0b' } });
      assertFailed(nul.report, 'bad-environment', /BAD contains a NUL/);
    });

    test('names that could leave their folder are refused', async () => {
      assertFailed((await run(['true'], { runId: '../x' })).report, 'bad-options', /"\.\.\/x"/);
      assertFailed((await run(['true'], { processor: 'a/b' })).report, 'bad-options', /"a\/b"/);
    });

    test('many quick programs leave no file open', async () => {
      const count = kind === 'native' ? 2000 : 200;
      await run(['true']);
      const before = await runner.stats();
      let next = 0;
      let lines = 0;
      const lane = async () => {
        while (next < count) {
          const { report, stdout } = await run(next++ % 4 === 0 ? ['echo', 'x'] : ['true']);
          assert.equal(report.outcome, Outcome.SUCCEEDED, report.message);
          lines += stdout.length / 2;
        }
      };
      await Promise.all(Array.from({ length: 16 }, lane));
      assert.equal(lines, count / 4);
      const after = await runner.stats();
      assert.equal(after.spawned - before.spawned, count);
      assert.equal(after.live, 0);
      assert.ok(
        after.openFiles <= before.openFiles + 2,
        `${before.openFiles} -> ${after.openFiles} open files`,
      );
    });
  });
}

test('CPU and peak memory are measured', async (t) => {
  const { run } = await createFixture(t);
  const work =
    'const b = Buffer.alloc(200e6, 1); let n = 0; for (let i = 0; i < 2e8; i++) n += i & b[7]; console.log(n)';
  const { report } = await run({ shell: 'node', text: work });
  assert.ok(report.usage!.userCpuMs + report.usage!.systemCpuMs > 50, `${report.usage!.userCpuMs} ms`);
  assert.ok(report.usage!.peakMemoryBytes > 200e6 && report.usage!.peakMemoryBytes < 800e6);
  // Far below the spawner's own memory, so it has to be looked at while it lives.
  const small = await run(['sleep', '0.1']);
  assert.ok(small.report.usage!.peakMemoryBytes > 100e3 && small.report.usage!.peakMemoryBytes < 20e6);
});
