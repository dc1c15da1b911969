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
import { bytesOf, chunkOf, chunksOf, queryOf, textOf } from './conformance/logs.ts';
import { openFileLogs } from './file-logs.ts';
import type { LogStore } from './logs.ts';

const home = mkdtempSync(join(tmpdir(), 'wiz-logs-'));
const opened: LogStore[] = [];
after(() => rmSync(home, { recursive: true }));
afterEach(() => {
  for (const logs of opened.splice(0)) logs.close();
  assert.deepEqual(openLogFiles(), [], 'descriptors were left open');
});

function open(): LogStore {
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
  it('gives back both streams in the order they came, with lines', async () => {
    const logs = open();
    const runId = newId();
    assert.equal(logs.append(chunkOf({ runId, data: 'one\ntw' })), 6);
    assert.equal(logs.append(chunkOf({ runId, stream: LogStream.STDERR, data: 'oops\n' })), 5);
    assert.equal(logs.append(chunkOf({ runId, offset: 6, line: 2, data: 'o\nthree\n' })), 14);
    const chunks = await chunksOf(logs, queryOf(runId));
    assert.deepEqual(
      chunks.map(({ stream, offset, line, unixMs }) => [stream, offset, line, unixMs]),
      [
        [LogStream.STDOUT, 0, 1, 1_700_000_000_123],
        [LogStream.STDERR, 0, 1, 1_700_000_000_123],
        [LogStream.STDOUT, 6, 2, 1_700_000_000_123],
      ],
    );
    assert.equal(textOf(chunks), 'one\ntwo\nthree\n');
    assert.equal(
      textOf(await chunksOf(logs, queryOf(runId, { streams: [LogStream.STDERR] })), LogStream.STDERR),
      'oops\n',
    );
  });

  it('writes what comes again once, and says what is missing', async () => {
    const logs = open();
    const runId = newId();
    logs.append(chunkOf({ runId, data: 'a\nb\n' }));
    assert.equal(logs.append(chunkOf({ runId, data: 'a\nb\n' })), 4);
    assert.equal(logs.append(chunkOf({ runId, offset: 2, line: 2, data: 'b\nc\nd\n' })), 8);
    assert.equal(logs.append(chunkOf({ runId, offset: 9, line: 5, data: 'late' })), 8);
    const chunks = await chunksOf(logs, queryOf(runId));
    assert.equal(textOf(chunks), 'a\nb\nc\nd\n');
    assert.deepEqual(
      chunks.map((chunk) => chunk.line),
      [1, 3],
    );
  });

  it('makes no file until something is logged, and private ones then', async () => {
    const logs = open();
    const runId = newId();
    assert.equal(logs.append(chunkOf({ runId, data: '' })), 0);
    assert.equal(logs.append(chunkOf({ runId, offset: 5, data: 'x' })), 0);
    assert.equal(logs.tail(runId, 'build', 1), '');
    assert.deepEqual(await chunksOf(logs, queryOf(runId)), []);
    assert.deepEqual(await logs.list(runId), []);
    assert.equal(existsSync(join(home, 'runs', runId)), false);
    logs.append(chunkOf({ runId, data: 'x' }));
    assert.equal(statSync(fileOf(runId)).mode & 0o777, 0o600);
    assert.equal(statSync(join(home, 'runs', runId)).mode & 0o777, 0o700);
  });

  it('lists attempts with their bytes', async () => {
    const logs = open();
    const runId = newId();
    logs.append(chunkOf({ runId, processor: 'a.b', attempt: 12, data: 'abc' }));
    logs.append(chunkOf({ runId, processor: 'a.b', attempt: 12, stream: LogStream.STDERR, data: 'de' }));
    logs.append(chunkOf({ runId, data: 'f' }));
    const listed = (await logs.list(runId)).sort((a, b) => a.attempt - b.attempt);
    assert.deepEqual(listed, [
      { processor: 'build', attempt: 1, bytes: 1 },
      { processor: 'a.b', attempt: 12, bytes: 5 },
    ]);
  });

  it('keeps instances apart, and refuses names that are none', async () => {
    const logs = open();
    const runId = newId();
    for (const processor of ['parse', 'parse[0]', 'parse[999999]']) {
      logs.append(chunkOf({ runId, processor, data: processor }));
      assert.equal(logs.tail(runId, processor, 1), processor);
    }
    const listed = (await logs.list(runId)).map(({ processor }) => processor);
    assert.deepEqual(listed.sort(), ['parse', 'parse[0]', 'parse[999999]']);
    for (const processor of ['parse[01]', 'parse[-1]', 'parse[0', 'parse[../x]', 'parse[0]/x', '../x']) {
      const append = () => logs.append(chunkOf({ runId, processor, data: 'x' }));
      assert.throws(append, { code: 'invalid_argument' }, processor);
    }
  });

  it('reads from a line on', async () => {
    const logs = open();
    const runId = newId();
    let offset = 0;
    for (let line = 1; line <= 3_000; line += 3) {
      const data = `line ${line}\nline ${line + 1}\nline ${line + 2}\n`;
      offset = logs.append(chunkOf({ runId, offset, line, data }));
    }
    for (const fromLine of [1, 2, 3, 4, 1_500, 2_999, 3_000]) {
      const chunks = await chunksOf(logs, queryOf(runId, { fromLine }));
      assert.equal(chunks[0]!.line, fromLine);
      assert.ok(textOf(chunks).startsWith(`line ${fromLine}\n`));
      assert.ok(textOf(chunks).endsWith('line 3000\n'));
    }
    assert.deepEqual(await chunksOf(logs, queryOf(runId, { fromLine: 3_001 })), []);
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

  it('keeps chunks of any size, in pieces that a reader can hold', async () => {
    const logs = open();
    const runId = newId();
    const data = Buffer.from(Array.from({ length: 200_000 }, (_, i) => `${i}\n`).join(''));
    assert.equal(logs.append(chunkOf({ runId, data })), data.length);
    const chunks = await chunksOf(logs, queryOf(runId));
    assert.ok(chunks.length > 1);
    assert.ok(bytesOf(chunks, LogStream.STDOUT).equals(data));
    const [chunk] = await chunksOf(logs, queryOf(runId, { fromLine: 123_457 }));
    assert.ok(textOf([chunk!]).startsWith('123456\n'));
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
      assert.equal(logs.tail(runId, 'build', 1), 'err');
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

  it('delivers once what two managers wrote', async () => {
    const [loser, owner] = [open(), open()];
    const runId = newId();
    loser.append(chunkOf({ runId, data: 'a\n' }));
    owner.append(chunkOf({ runId, offset: 2, line: 2, data: 'b\nc\n' }));
    loser.append(chunkOf({ runId, offset: 2, line: 2, data: 'b\n' }));
    loser.append(chunkOf({ runId, offset: 4, line: 3, data: 'c\nd\n' }));
    const chunks = await chunksOf(owner, queryOf(runId));
    assert.equal(textOf(chunks), 'a\nb\nc\nd\n');
    assert.equal(chunks.at(-1)?.line, 4);
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

  it('refuses names that would leave the folder', () => {
    const logs = open();
    const runId = newId();
    const wrong = [
      { runId: '../../../../tmp/abcdefghijkl', data: 'x' },
      { runId: `${runId}/`, data: 'x' },
      { runId, processor: '../x', data: 'x' },
      { runId, processor: '', data: 'x' },
      { runId, processor: 'a\0b', data: 'x' },
      { runId, attempt: 0, data: 'x' },
    ];
    for (const parts of wrong) {
      assert.throws(() => logs.append(chunkOf(parts)), { name: 'WizError', code: 'invalid_argument' });
    }
    assert.throws(() => logs.read(queryOf(runId, { processor: '..' })), { code: 'invalid_argument' });
    assert.throws(() => logs.tail(runId, 'a/b', 1), { code: 'invalid_argument' });
  });
});

describe('the last line of a log', () => {
  const cases: [string, { stream?: LogStream; data: string }[], string][] = [
    ['is the last that is not blank', [{ data: 'one\ntwo\n\n  \n' }], 'two'],
    ['may be unfinished', [{ data: 'one\ntw' }, { data: 'o: 50%' }], 'two: 50%'],
    [
      'is of the stream that came last',
      [{ data: 'out\n' }, { stream: LogStream.STDERR, data: 'err\n' }],
      'err',
    ],
    [
      'is of the other when that is blank',
      [{ data: 'out\n' }, { stream: LogStream.STDERR, data: '\n' }],
      'out',
    ],
    ['begins after a carriage return', [{ data: ' 1%\r 2%\r' }], '2%'],
    ['has no colours', [{ data: '\u001b[31mred\u001b[0m\n' }], 'red'],
    ['has at most 300 characters', [{ data: `${'é'.repeat(5_000)}\n` }], 'é'.repeat(300)],
    ['is empty when nothing is there', [{ data: '\n\n' }], ''],
  ];
  for (const [what, parts, expected] of cases) {
    it(what, () => {
      const logs = open();
      const runId = newId();
      const offsets = new Map<LogStream, number>();
      for (const part of parts) {
        const stream = part.stream ?? LogStream.STDOUT;
        const offset = offsets.get(stream) ?? 0;
        offsets.set(stream, logs.append(chunkOf({ runId, ...part, stream, offset })));
      }
      assert.equal(logs.tail(runId, 'build', 1), expected);
      logs.finish(runId, 'build', 1);
      assert.equal(logs.tail(runId, 'build', 1), expected);
      assert.equal(open().tail(runId, 'build', 1), expected);
    });
  }
});
