import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outcome } from '../../proto/gen/wiz/v1/executors_pb.js';
import { RUN, testExecutor } from './session.fixture.ts';

test('a batch of no-ops comes back as one batch of reports', async (t) => {
  const executor = await testExecutor(t);
  const manager = executor.manager();
  await manager.hello();
  const action = { case: 'call' as const, value: { uses: 'noop', withJson: '{}' } };
  const assignments = Array.from({ length: 500 }, (_, i) => ({ processor: `p${i}`, attempt: 1, action }));
  manager.send({ assignments: [{ runId: RUN, epoch: 1, assignments }] });
  await manager.report('p499');
  assert.equal(manager.received.length, 2, 'the welcome and one message');
  const reports = manager.reports();
  assert.equal(reports.length, 500);
  assert.ok(
    reports.every(({ report }) => report.outcome === Outcome.SUCCEEDED && report.usage === undefined),
  );
});

test('an assignment that is here already is not executed twice', async (t) => {
  const executor = await testExecutor(t);
  const { started, program } = executor;
  const manager = executor.manager();
  await manager.hello();
  manager.program('a');
  manager.program('a');
  const refusal = await manager.until(() => manager.refusals()[0]);
  assert.equal(refusal.reason, 'duplicate');
  (await program('a')).end();
  await manager.report('a');
  manager.program('a');
  await manager.until(() => manager.reports().length === 2);
  assert.equal(started.length, 1);
  manager.ack('a');
  manager.program('a', { attempt: 2 });
  (await program('a', 2)).end();
  await manager.until(() => manager.reports().length === 3);
  assert.equal(started.length, 2, 'the next attempt is another one');
});

test('after a broken stream the attempt goes on, and its log and report are handed over', async (t) => {
  const executor = await testExecutor(t);
  const { program, started } = executor;
  const client = executor.client();
  const before = executor.manager(client);
  await before.hello();
  before.program('long');
  before.program('short');
  const long = await program('long');
  long.log('one\n');
  await before.until(() => before.logs().length === 1);
  before.ackLog('long', 4);
  before.call('marker', 'noop');
  await before.report('marker');
  await before.breakOff();

  long.log('two\n');
  (await program('short')).end();
  const after = executor.manager(client);
  const welcome = await after.hello([{ runId: RUN, epoch: 1 }]);
  const known = welcome.known.flatMap(({ attempts }) => attempts.map(({ processor }) => processor));
  assert.deepEqual(known.sort(), ['long', 'marker', 'short']);
  await after.report('short');
  long.log('three\n');
  long.end();
  await after.report('long');
  assert.equal(after.text(), 'two\nthree\n', 'from the acknowledged byte on');
  assert.deepEqual(
    after.logs().map(({ offset, line }) => [offset, line]),
    [
      [4, 2],
      [8, 3],
    ],
  );
  assert.equal(started.length, 2);
});

test('reports are sent again in every session until they are acknowledged', async (t) => {
  const executor = await testExecutor(t);
  const { program } = executor;
  const client = executor.client();
  let manager = executor.manager(client);
  await manager.hello();
  manager.program('a');
  (await program('a')).end();
  await manager.report('a');
  for (let i = 0; i < 2; i++) {
    await manager.breakOff();
    manager = executor.manager(client);
    const { known } = await manager.hello([{ runId: RUN, epoch: 1 }]);
    assert.deepEqual(
      known.flatMap(({ attempts }) => attempts.map(({ processor }) => processor)),
      ['a'],
    );
    await manager.report('a');
  }
  manager.ack('a');
  await manager.end();
  manager = executor.manager(client);
  await manager.hello([{ runId: RUN, epoch: 1 }]);
  manager.call('marker', 'noop');
  await manager.report('marker');
  assert.deepEqual(
    manager.reports().map(({ processor }) => processor),
    ['marker'],
  );
});

test('a newer epoch takes the run over; the older one is refused and hears nothing more', async (t) => {
  const executor = await testExecutor(t);
  const { program, started } = executor;
  const old = executor.manager();
  await old.hello();
  old.program('a');
  const a = await program('a');
  const next = executor.manager();
  const welcome = await next.hello([{ runId: RUN, epoch: 2 }]);
  assert.deepEqual(
    welcome.known.map(({ epoch, attempts }) => [epoch, attempts.length]),
    [[1, 1]],
  );

  const told = await old.until(() => old.refusals()[0]);
  assert.deepEqual([told.reason, told.processor, told.currentEpoch], ['stale-epoch', '', 2]);
  old.program('b');
  const refused = await old.until(() => old.refusals()[1]);
  assert.deepEqual([refused.reason, refused.processor, refused.currentEpoch], ['stale-epoch', 'b', 2]);
  old.send({ cancels: [{ runId: RUN, epoch: 1, attempts: [{ processor: 'a', attempt: 1 }] }] });
  await old.until(() => old.refusals().length === 3);
  assert.deepEqual(a.cancelled, []);
  a.end();
  const { epoch } = await next.report('a');
  assert.equal(epoch, 1, 'the epoch under which it was assigned');
  old.ack('a');
  await old.end();
  assert.deepEqual(old.reports(), []);

  const late = executor.manager();
  await late.hello([{ runId: RUN, epoch: 1 }]);
  assert.equal((await late.until(() => late.refusals()[0])).currentEpoch, 2);
  assert.equal(started.length, 1);
});

test('when an old stream of the same manager ends late, the run stays with the new one, and nothing more starts', async (t) => {
  const executor = await testExecutor(t);
  const { program, started } = executor;
  const first = executor.manager();
  await first.hello();
  first.program('a');
  const a = await program('a');
  const second = executor.manager();
  await second.hello([{ runId: RUN, epoch: 1 }]);
  // The welcome did not name it, so the manager takes it for lost.
  first.program('b');
  first.send({ cancels: [{ runId: RUN, epoch: 0, attempts: [{ processor: 'a', attempt: 1 }] }] });
  await first.until(() => first.refusals()[0]);
  assert.equal(started.length, 1);
  await first.breakOff();
  a.end();
  await second.report('a');
});

test('several managers share the slots; never more programs run than there are', async (t) => {
  const executor = await testExecutor(t, { slots: 3 });
  const { started } = executor;
  const runs = ['A', 'B'].map((letter) => RUN.slice(0, -1) + letter);
  const managers = runs.map(() => executor.manager());
  await Promise.all(managers.map((manager) => manager.hello()));
  managers.forEach((manager, m) => {
    for (let i = 0; i < 10; i++) manager.program(`m${m}-${i}`, { runId: runs[m] });
  });
  managers.forEach((manager, m) => {
    manager.call('all-are-here', 'noop', {}, runs[m]);
  });
  await Promise.all(managers.map((manager) => manager.report('all-are-here')));
  for (let ended = 0; ended < 20; ended++) {
    assert.equal(started.length, Math.min(20, ended + 3));
    const { processor } = started[ended]!.request.assignment;
    started[ended]!.end();
    await managers[Number(processor[1])]!.report(processor);
  }
});

test('processors that wait take no slot, and a cancelled attempt leaves the line', async (t) => {
  const executor = await testExecutor(t, { slots: 1 });
  const { started, program } = executor;
  const manager = executor.manager();
  await manager.hello();
  manager.program('a');
  manager.program('b');
  for (let i = 0; i < 50; i++) manager.call(`s${i}`, 'sleep', { duration: '1ms' });
  await manager.until(() => manager.reports().length === 50);
  manager.send({ cancels: [{ runId: RUN, epoch: 1, attempts: [{ processor: 'b', attempt: 1 }] }] });
  const { report } = await manager.report('b');
  assert.deepEqual([report.outcome, report.reason], [Outcome.FAILED, 'cancelled']);
  manager.send({ cancels: [{ runId: RUN, epoch: 1, attempts: [{ processor: 'a', attempt: 1 }] }] });
  assert.equal((await manager.report('a')).report.reason, 'cancelled');
  assert.deepEqual((await program('a')).cancelled, ['cancelled']);
  assert.equal(started.length, 1);
});

test('progress is told, the latest of each turn', async (t) => {
  const executor = await testExecutor(t);
  const { program } = executor;
  const manager = executor.manager();
  await manager.hello();
  manager.program('a');
  const a = await program('a');
  for (let i = 1; i <= 10; i++) a.progress(i / 10, `${i} of 10`);
  const [progress, ...more] = await manager.until(
    () => manager.received.find((m) => m.progress.length)?.progress,
  );
  assert.deepEqual([progress?.fraction, progress?.message, more.length], [1, '10 of 10', 0]);
});

test('slow acknowledgements hold the program back; the log arrives whole, and before the report', async (t) => {
  const executor = await testExecutor(t, { logs: { windowBytes: 64 * 1024 } });
  const { program } = executor;
  const manager = executor.manager();
  await manager.hello();
  manager.program('a');
  const a = await program('a');
  const line = `${'x'.repeat(8191)}\n`;
  const lines = 100;
  let written = 0;
  const writing = (async () => {
    for (; written < lines; written++) {
      a.log(line);
      await a.waiting;
    }
    a.end();
  })();
  await manager.until(() => manager.logs().length >= 7);
  assert.ok(
    written < 10,
    `${written} lines of 8 KiB were taken with a window of 64 KiB and nothing acknowledged`,
  );
  let acked = 0;
  const end = await manager.until(() => {
    const bytes = manager.text().length;
    if (bytes > acked) {
      acked = bytes;
      manager.ackLog('a', acked);
    }
    return manager.reports()[0];
  });
  await writing;
  assert.equal(end.report.outcome, Outcome.SUCCEEDED);
  assert.equal(manager.text(), line.repeat(lines));
});

test('without a session logs go to disk up to the limit, and are handed over whole', async (t) => {
  const logs = { windowBytes: 16 * 1024, diskBytes: 256 * 1024 };
  const executor = await testExecutor(t, { logs });
  const { program } = executor;
  const client = executor.client();
  const before = executor.manager(client);
  await before.hello();
  before.program('a');
  const a = await program('a');
  await before.breakOff();
  const line = `${'y'.repeat(4095)}\n`;
  let written = '';
  const write = () => {
    a.log(line);
    written += line;
  };
  // Far more than the window: it would wait for ever if nothing went to the disk.
  while (written.length < logs.diskBytes / 2) {
    write();
    await a.waiting;
  }
  while (a.waiting === undefined) write();
  assert.ok(written.length < logs.diskBytes + 2 * logs.windowBytes, `${written.length} bytes were kept`);
  const stuck = a.waiting;

  const after = executor.manager(client);
  await after.hello([{ runId: RUN, epoch: 1 }]);
  let acked = 0;
  stuck.then(() => a.end());
  await after.until(() => {
    const bytes = after.text().length;
    if (bytes > acked) {
      acked = bytes;
      after.ackLog('a', acked);
    }
    return after.reports()[0];
  });
  assert.equal(after.text(), written);
});

test('the first message must carry hello', async (t) => {
  const executor = await testExecutor(t);
  const manager = executor.manager();
  manager.program('a');
  const error = await manager.until(() => manager.error);
  assert.match(error.details, /must carry hello/);
});

test('the welcome names the file store', async (t) => {
  const executor = await testExecutor(t);
  const welcome = await executor.manager().hello();
  assert.equal(welcome.fileStoreId, executor.data.files.store.id);
});

test('the end of a run is obeyed once nothing of it runs, and only from who has it', async (t) => {
  const executor = await testExecutor(t);
  const { program, runsEnded } = executor;
  const manager = executor.manager();
  await manager.hello([{ runId: RUN, epoch: 2 }]);
  manager.program('a', { epoch: 2 });
  const a = await program('a');
  manager.send({ endedRuns: [{ runId: RUN, epoch: 1, keepStaging: false }] });
  await manager.until(() => manager.refusals().find(({ reason }) => reason === 'stale-epoch'));
  manager.send({ endedRuns: [{ runId: RUN, epoch: 2, keepStaging: true }] });
  manager.send({ endedRuns: [{ runId: 'other', epoch: 1, keepStaging: false }] });
  manager.call('later', 'noop', {}, 'third');
  await manager.report('later');
  assert.deepEqual(runsEnded, [{ runId: 'other', keep: false }]);
  a.end();
  await manager.report('a');
  assert.deepEqual(runsEnded[1], { runId: RUN, keep: true });
});
