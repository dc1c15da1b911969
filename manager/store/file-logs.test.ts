import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import { newId } from '../../proto/ids.ts';
import { lastLineTests, logTests, tailOf } from './conformance/log-store.ts';
import { chunkOf, chunksOf, queryOf, textOf } from './conformance/logs.ts';
import { type FileLogs, openFileLogs } from './file-logs.ts';

const home = mkdtempSync(join(tmpdir(), 'wiz-logs-'));
const opened: FileLogs[] = [];
after(() => rmSync(home, { recursive: true }));
afterEach(async () => {
  for (const logs of opened.splice(0)) await logs.close();
  assert.deepEqual(openLogFiles(), [], 'descriptors were left open');
});

function open(): FileLogs {
  const logs = openFileLogs(home);
  opened.push(logs);
  return logs;
}

/** Files under `home` that this process has open. */
function openLogFiles(): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const { ino } = statSync(`/proc/self/fd/${fd}`);
      return logInodes().has(ino) ? [fd] : [];
    } catch {
      return [];
    }
  });
}

function logInodes(): Set<number> {
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.log'),
  );
  return new Set(names.map((name) => statSync(join(home, name)).ino));
}

const fileOf = (runId: string) => join(home, 'runs', runId, 'logs', 'build.1.log');

describe('logs of attempts', () => {
  logTests(open);

  it('goes on where another process left off, whoever had it open', async () => {
    const [first, second] = [open(), open()];
    const runId = newId();
    const write = (logs: FileLogs, offset: number, data: string) =>
      logs.append(chunkOf({ runId, offset, data, line: 1 + offset / 2 }));
    const tail = (logs: FileLogs) => logs.tails(runId, [{ processor: 'build', attempt: 1 }]);
    assert.equal(write(first, 0, 'a\n'), 2);
    assert.equal(write(second, 2, 'b\n'), 4);
    // One that stood still has yet to write what the other has written since: it is not written twice.
    assert.equal(write(first, 2, 'b\n'), 4);
    assert.deepEqual(await tail(first), ['b']);
    assert.equal(write(first, 4, 'c\n'), 6);
    assert.deepEqual(await tail(second), ['c']);
    assert.equal(write(second, 6, 'd\n'), 8);
    assert.equal(textOf(await chunksOf(second, queryOf(runId))), 'a\nb\nc\nd\n');
  });

  it('makes no file until something is logged, and private ones then', async () => {
    const logs = open();
    const runId = newId();
    assert.equal(logs.append(chunkOf({ runId, data: '' })), 0);
    assert.equal(logs.append(chunkOf({ runId, offset: 5, data: 'x' })), 0);
    assert.equal(await tailOf(logs, runId, 'build'), '');
    assert.deepEqual(await chunksOf(logs, queryOf(runId)), []);
    assert.deepEqual(await logs.list(runId), []);
    assert.equal(existsSync(join(home, 'runs', runId)), false);
    logs.append(chunkOf({ runId, data: 'x' }));
    assert.equal(statSync(fileOf(runId)).mode & 0o777, 0o600);
    assert.equal(statSync(join(home, 'runs', runId)).mode & 0o777, 0o700);
  });

  it('goes on from a position while it is written', async () => {
    const [writer, reader] = [open(), open()];
    const runId = newId();
    let position = 0;
    const onPosition = (to: number) => {
      position = to;
    };
    let offset = 0;
    for (const data of ['a\n', 'b\nc', '\nd\n']) {
      offset = writer.append(chunkOf({ runId, offset, data }));
      assert.equal(textOf(await chunksOf(reader, queryOf(runId, { position, onPosition }))), data);
      assert.deepEqual(await chunksOf(reader, queryOf(runId, { position, onPosition })), []);
    }
    assert.equal(position, statSync(fileOf(runId)).size);
  });

  it('leaves out a frame that was cut, and writes on after it', async () => {
    const runId = newId();
    const first = open();
    first.append(chunkOf({ runId, data: 'whole\n' }));
    first.append(chunkOf({ runId, stream: LogStream.STDERR, data: 'err\n' }));
    const whole = statSync(fileOf(runId)).size;
    first.append(chunkOf({ runId, offset: 6, line: 2, data: 'cut\n' }));
    first.close();
    const full = statSync(fileOf(runId)).size;
    for (const size of [full - 1, full - 6, whole + 52, whole + 51, whole + 1]) {
      truncateSync(fileOf(runId), size);
      const logs = open();
      assert.equal(textOf(await chunksOf(logs, queryOf(runId))), 'whole\n');
      assert.equal(await tailOf(logs, runId, 'build'), 'err');
      assert.deepEqual(await logs.list(runId), [{ processor: 'build', attempt: 1, bytes: 10 }]);
      assert.equal(logs.append(chunkOf({ runId, offset: 6, line: 2, data: 'cut\n' })), 10);
      assert.equal(textOf(await chunksOf(logs, queryOf(runId))), 'whole\ncut\n');
      assert.equal(statSync(fileOf(runId)).size, full);
    }
    appendFileSync(fileOf(runId), 'WLOG and then nothing that is a frame');
    const logs = open();
    assert.equal(textOf(await chunksOf(logs, queryOf(runId))), 'whole\ncut\n');
    assert.equal(logs.append(chunkOf({ runId, offset: 10, line: 3, data: 'x' })), 11);
    assert.equal(textOf(await chunksOf(logs, queryOf(runId))), 'whole\ncut\nx');
  });

  it('writes to more attempts at once than it keeps open', async () => {
    const logs = open();
    const runId = newId();
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 400; i += 1) {
        logs.append(
          chunkOf({ runId, processor: `p${i}`, offset: round * 2, line: round + 1, data: `${round}\n` }),
        );
      }
    }
    assert.equal((await logs.list(runId)).length, 400);
    assert.equal(openLogFiles().length, process.platform === 'linux' ? 128 : openLogFiles().length);
    assert.equal(textOf(await chunksOf(logs, queryOf(runId, { processor: 'p7' }))), '0\n1\n2\n');
    logs.finish(runId, 'p7', 1);
    assert.equal(logs.append(chunkOf({ runId, processor: 'p7', offset: 6, line: 4, data: '3\n' })), 8);
  });
});

describe('the last line of a log', () => lastLineTests(open));
