import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { DataForm } from '../../proto/gen/wiz/v1/data_pb.js';
import { FailureClass, Outcome } from '../../proto/gen/wiz/v1/executors_pb.js';
import { bash, createFixture, eventually, fileOutput, isAlive } from './program-fixture.ts';
import { LINGER_MS } from './program-host.ts';

/** A script writes process ids into a file of the workdir, one a line. */
function pidsIn(folder: string, name: string): number[] {
  try {
    return fs.readFileSync(path.join(folder, name), 'utf8').trim().split('\n').map(Number);
  } catch {
    return [];
  }
}

for (const kind of ['native', 'portable'] as const) {
  describe(`ends of programs by the ${kind} spawner`, async () => {
    const { runner, run, start, folder } = await createFixture({ after }, kind);

    test('a time-out ends the program', async () => {
      const { report } = await run(['sleep', '60'], { assignment: { timeoutMs: 100, graceMs: 5000 } });
      assert.equal(report.outcome, Outcome.FAILED);
      assert.equal(report.reason, 'timeout');
      assert.equal(report.failureClass, FailureClass.APP);
      assert.equal(report.signal, 'SIGTERM');
      assert.match(report.message, /time-out of 0.1 s/);
    });

    test('what ignores SIGTERM is killed after the grace', async () => {
      const { report, stdout } = await run(
        bash("trap '' TERM; echo ready; while true; do sleep 0.05; done"),
        { assignment: { timeoutMs: 300, graceMs: 200 } },
      );
      assert.equal(stdout.toString(), 'ready\n');
      assert.equal(report.reason, 'timeout');
      assert.equal(report.signal, 'SIGKILL');
    });

    test('a program that cleans up at SIGTERM has the grace for it, and its children too', async () => {
      const attempt = start(
        bash(
          'bash -c \'trap "sleep 0.2; echo cleaned; exit" TERM; echo ready; while true; do sleep 0.05; done\' & wait',
        ),
        { assignment: { graceMs: 10_000 } },
      );
      await eventually(() => attempt.text() === 'ready\n', 'ready');
      attempt.cancel('cancelled');
      const { report, stdout } = await attempt.done;
      assert.equal(report.reason, 'cancelled');
      assert.equal(stdout.toString(), 'ready\ncleaned\n');
    });

    test('cancel ends the whole tree, setsid and trap included', async () => {
      const attempt = start(
        bash(`
          sleep 60 & echo $! > tree
          (trap '' TERM; sleep 60 & echo $! >> tree; wait) &
          setsid bash -c 'trap "" TERM; echo $$ >> tree; sleep 60 & echo $! >> tree; wait' > /dev/null 2>&1 &
          wait`),
        { assignment: { graceMs: 100 } },
      );
      await eventually(() => pidsIn(folder, 'tree').length === 4, 'the tree stands');
      attempt.cancel('cancelled');
      const { report } = await attempt.done;
      assert.equal(report.reason, 'cancelled');
      for (const pid of pidsIn(folder, 'tree')) assert.equal(isAlive(pid), false, `process ${pid} lives`);
    });

    test('an interrupted program that exits with 0 has not succeeded', async () => {
      const attempt = start(bash("trap 'exit 0' TERM; echo ready; while true; do sleep 0.02; done"));
      await eventually(() => attempt.text() === 'ready\n', 'ready');
      attempt.cancel('preempted');
      const { report } = await attempt.done;
      assert.equal(report.outcome, Outcome.FAILED);
      assert.equal(report.reason, 'preempted');
      assert.equal(report.failureClass, FailureClass.PREEMPTED);
      assert.equal(report.exitCode, 0);
    });

    test('a program that removes what its output goes to has itself to blame', async () => {
      const { report } = await run(bash('rm -rf "$(dirname "$WIZ_OUTPUT")"'));
      assert.equal(report.reason, 'output-unreadable');
      assert.equal(report.failureClass, FailureClass.APP);
    });

    test('cancel right after start, and twice', async () => {
      const attempt = start(['sleep', '60']);
      attempt.cancel('cancelled');
      attempt.cancel('preempted');
      assert.equal((await attempt.done).report.reason, 'cancelled');
    });

    test('what goes on in the background does not hold the attempt, and is ended', async () => {
      const begin = Date.now();
      const { report, stdout } = await run(bash('(echo $BASHPID > holder; exec sleep 60) & echo done'));
      assert.equal(report.outcome, Outcome.SUCCEEDED);
      assert.equal(stdout.toString(), 'done\n');
      assert.ok(Date.now() - begin < LINGER_MS + 20_000);
      await eventually(() => !isAlive(pidsIn(folder, 'holder')[0]!), 'the background process ended');
    });

    test('background work that is about to end is waited for', async () => {
      const { report, stdout } = await run(bash('(sleep 0.05; echo late) & echo early'));
      assert.equal(report.outcome, Outcome.SUCCEEDED);
      assert.equal(stdout.toString(), 'early\nlate\n');
    });

    test('a daemon of its own session that keeps the output open does not hold the attempt', async () => {
      const { report, stdout } = await run(bash('setsid sleep 60 & echo $! > daemon; echo done'));
      assert.equal(report.outcome, Outcome.SUCCEEDED);
      assert.equal(stdout.toString(), 'done\n');
      for (const pid of pidsIn(folder, 'daemon')) process.kill(pid, 'SIGKILL');
    });

    test('a sink without room stops the program, and no other', async () => {
      const room = Promise.withResolvers<void>();
      let received = 0;
      const sink = {
        log({ data }: { data: Uint8Array }) {
          received += data.length;
          return room.promise;
        },
        progress() {},
      };
      const total = 5_000_000;
      const attempt = start(bash(`echo $$ > slow; exec head -c ${total} /dev/zero`), { sink });
      await eventually(() => received > 0, 'output came');
      for (let n = 0; n < 5; n++) {
        const other = await run(bash('echo other; head -c 400000 /dev/zero >&2'));
        assert.equal(other.stdout.toString(), 'other\n');
        assert.equal(other.stderr.length, 400_000);
      }
      assert.ok(received <= 65536, `${received} bytes were handed to a sink without room`);
      assert.ok(isAlive(pidsIn(folder, 'slow')[0]!), 'the program waits on its pipe');
      assert.ok((await runner.stats()).unsentBytes < 1e6);
      room.resolve();
      const { report } = await attempt.done;
      assert.equal(report.outcome, Outcome.SUCCEEDED);
      assert.equal(received, total);
    });

    test('hundreds of MB of output in flat memory', async () => {
      const total = kind === 'native' ? 200_000_000 : 50_000_000;
      const sizes: number[] = [];
      let received = 0;
      const sink = {
        log({ data, offset }: { data: Uint8Array; offset: number }) {
          assert.equal(offset, received);
          received += data.length;
          if (sizes.length < received / 10_000_000) sizes.push(process.memoryUsage.rss());
          return undefined;
        },
        progress() {},
      };
      const { report } = await start(['head', '-c', String(total), '/dev/zero'], { sink }).done;
      assert.equal(received, total);
      assert.equal(report.usage?.stdoutBytes, total);
      assert.equal(fileOutput(report).size, total);
      assert.equal(report.output?.form, DataForm.TEXT);
      const growth = Math.max(...sizes) - sizes[0]!;
      assert.ok(growth < 100e6, `grew by ${growth} bytes`);
      assert.ok((await runner.stats()).rssBytes < 250e6);
    });

    test('a spawner that is killed loses its programs, and the next one takes over', async () => {
      const attempt = start(bash('echo $$ > lost; setsid sleep 60 & echo $! >> lost; echo up; sleep 60'));
      await eventually(() => attempt.text() === 'up\n', 'up');
      const { pid } = await runner.stats();
      process.kill(pid, 'SIGKILL');
      const { report } = await attempt.done;
      assert.equal(report.reason, 'lost');
      assert.equal(report.failureClass, FailureClass.INFRA);
      assert.match(report.message, /ended by SIGKILL/);
      for (const each of pidsIn(folder, 'lost')) assert.equal(isAlive(each), false, `process ${each} lives`);
      assert.equal((await run(['true'])).report.outcome, Outcome.SUCCEEDED);
      assert.notEqual((await runner.stats()).pid, pid);
    });
  });
}

test('a spawner that cannot be started fails the attempt as infrastructure', async (t) => {
  const { run } = await createFixture(t, 'native', { entry: '/no/such/entry.js' });
  const { report } = await run(['true']);
  assert.equal(report.reason, 'lost');
  assert.equal(report.failureClass, FailureClass.INFRA);
  assert.match(report.message, /exited with code 1 before it could start a program/);
});

test('closing the runner ends what runs', async (t) => {
  const { runner, start } = await createFixture(t);
  const attempt = start(bash('echo up; sleep 60'));
  await eventually(() => attempt.text() === 'up\n', 'up');
  await runner.close();
  const { report } = await attempt.done;
  assert.equal(report.reason, 'lost');
  assert.match(report.message, /executor was closed/);
});
