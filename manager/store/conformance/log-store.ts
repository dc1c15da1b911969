import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import { newId } from '../../../proto/ids.ts';
import type { LogStore } from '../logs.ts';
import { bytesOf, chunkOf, chunksOf, queryOf, textOf } from './logs.ts';

/** What every log store does. `open` opens another one on the same logs. */
export function logTests(open: () => LogStore): void {
  it('gives back both streams in the order they came, with lines', async () => {
    const logs = open();
    const runId = newId();
    assert.equal(await logs.append(chunkOf({ runId, data: 'one\ntw' })), 6);
    assert.equal(await logs.append(chunkOf({ runId, stream: LogStream.STDERR, data: 'oops\n' })), 5);
    assert.equal(await logs.append(chunkOf({ runId, offset: 6, line: 2, data: 'o\nthree\n' })), 14);
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
    await logs.append(chunkOf({ runId, data: 'a\nb\n' }));
    assert.equal(await logs.append(chunkOf({ runId, data: 'a\nb\n' })), 4);
    assert.equal(await logs.append(chunkOf({ runId, offset: 2, line: 2, data: 'b\nc\nd\n' })), 8);
    assert.equal(await logs.append(chunkOf({ runId, offset: 9, line: 5, data: 'late' })), 8);
    const chunks = await chunksOf(logs, queryOf(runId));
    assert.equal(textOf(chunks), 'a\nb\nc\nd\n');
    assert.deepEqual(
      chunks.map((chunk) => chunk.line),
      [1, 3],
    );
  });

  it('takes what comes while its attempt is finished', async () => {
    const logs = open();
    const runId = newId();
    for (let turns = 0; turns < 20; turns += 1) {
      const processor = `p${turns}`;
      await logs.append(chunkOf({ runId, processor, data: 'one\n' }));
      // Beside one that nothing is known of yet, which is read.
      const other = logs.append(chunkOf({ runId, processor: `q${turns}`, data: 'other\n' }));
      const again = logs.append(chunkOf({ runId, processor, data: 'one\ntwo\n' }));
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      logs.finish(runId, processor, 1);
      assert.deepEqual(await Promise.all([other, again]), [6, 8]);
      assert.equal(textOf(await chunksOf(logs, queryOf(runId, { processor }))), 'one\ntwo\n');
    }
  });

  it('lists attempts with their bytes', async () => {
    const logs = open();
    const runId = newId();
    await logs.append(chunkOf({ runId, processor: 'a.b', attempt: 12, data: 'abc' }));
    await logs.append(
      chunkOf({ runId, processor: 'a.b', attempt: 12, stream: LogStream.STDERR, data: 'de' }),
    );
    await logs.append(chunkOf({ runId, data: 'f' }));
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
      await logs.append(chunkOf({ runId, processor, data: processor }));
      assert.equal(await tailOf(logs, runId, processor), processor);
    }
    const listed = (await logs.list(runId)).map(({ processor }) => processor);
    assert.deepEqual(listed.sort(), ['parse', 'parse[0]', 'parse[999999]']);
    for (const processor of ['parse[01]', 'parse[-1]', 'parse[0', 'parse[../x]', 'parse[0]/x', '../x']) {
      const append = async () => logs.append(chunkOf({ runId, processor, data: 'x' }));
      await assert.rejects(append, { code: 'invalid_argument' }, processor);
    }
  });

  it('reads from a line on', async () => {
    const logs = open();
    const runId = newId();
    let offset = 0;
    for (let line = 1; line <= 3_000; line += 3) {
      const data = `line ${line}\nline ${line + 1}\nline ${line + 2}\n`;
      offset = await logs.append(chunkOf({ runId, offset, line, data }));
    }
    for (const fromLine of [1, 2, 3, 4, 1_500, 2_999, 3_000]) {
      const chunks = await chunksOf(logs, queryOf(runId, { fromLine }));
      assert.equal(chunks[0]!.line, fromLine);
      assert.ok(textOf(chunks).startsWith(`line ${fromLine}\n`));
      assert.ok(textOf(chunks).endsWith('line 3000\n'));
    }
    assert.deepEqual(await chunksOf(logs, queryOf(runId, { fromLine: 3_001 })), []);
  });

  it('keeps chunks of any size, in pieces that a reader can hold', async () => {
    const logs = open();
    const runId = newId();
    const data = Buffer.from(Array.from({ length: 200_000 }, (_, i) => `${i}\n`).join(''));
    assert.equal(await logs.append(chunkOf({ runId, data })), data.length);
    const chunks = await chunksOf(logs, queryOf(runId));
    assert.ok(chunks.length > 1);
    assert.ok(bytesOf(chunks, LogStream.STDOUT).equals(data));
    const [chunk] = await chunksOf(logs, queryOf(runId, { fromLine: 123_457 }));
    assert.ok(textOf([chunk!]).startsWith('123456\n'));
  });

  it('delivers once what two managers wrote', async () => {
    const [loser, owner] = [open(), open()];
    const runId = newId();
    await loser.append(chunkOf({ runId, data: 'a\n' }));
    await owner.append(chunkOf({ runId, offset: 2, line: 2, data: 'b\nc\n' }));
    await loser.append(chunkOf({ runId, offset: 2, line: 2, data: 'b\n' }));
    await loser.append(chunkOf({ runId, offset: 4, line: 3, data: 'c\nd\n' }));
    const chunks = await chunksOf(owner, queryOf(runId));
    assert.equal(textOf(chunks), 'a\nb\nc\nd\n');
    assert.equal(chunks.at(-1)?.line, 4);
  });

  it('keeps what many attempts write at once, and what comes before it is acknowledged', async () => {
    const [logs, reader] = [open(), open()];
    const runId = newId();
    const append = async (n: number) => {
      for (let line = 1; line <= 20; line += 1) {
        const data = `${n} ${String(line).padStart(3)}\n`.padStart(9);
        const kept = logs.append(chunkOf({ runId, processor: `p${n}`, offset: (line - 1) * 9, line, data }));
        // Half of them wait for each answer.
        if (n % 2 === 0) assert.equal(await kept, line * 9);
        else if (line === 20) assert.equal(await kept, 180);
      }
    };
    await Promise.all(Array.from({ length: 30 }, (_, n) => append(n)));
    for (const n of [0, 7, 29]) {
      const chunks = await chunksOf(reader, queryOf(runId, { processor: `p${n}` }));
      assert.equal(textOf(chunks).split('\n').length, 21);
      assert.equal(chunks.at(-1)?.line, 20);
    }
    // Nobody remembers them: they are read again.
    logs.finish(runId, 'p7', 1);
    assert.equal(
      await logs.append(chunkOf({ runId, processor: 'p7', offset: 180, line: 21, data: 'end\n' })),
      184,
    );
    assert.equal(await tailOf(reader, runId, 'p7'), 'end');
  });

  it('goes on from a position while another one writes', async () => {
    const [writer, reader] = [open(), open()];
    const runId = newId();
    let position = 0;
    const onPosition = (to: number) => {
      position = to;
    };
    let offset = 0;
    for (const data of ['a\n', 'b\nc', '\nd\n']) {
      offset = await writer.append(chunkOf({ runId, offset, data }));
      assert.equal(textOf(await chunksOf(reader, queryOf(runId, { position, onPosition }))), data);
      assert.deepEqual(await chunksOf(reader, queryOf(runId, { position, onPosition })), []);
    }
  });

  it('refuses names that no attempt has', async () => {
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
      await assert.rejects(async () => logs.append(chunkOf(parts)), { code: 'invalid_argument' });
    }
    await assert.rejects(async () => logs.read(queryOf(runId, { processor: '..' })), {
      code: 'invalid_argument',
    });
    await assert.rejects(tailOf(logs, runId, 'a/b'), { code: 'invalid_argument' });
  });
}

export async function tailOf(logs: LogStore, runId: string, processor: string): Promise<string> {
  return (await logs.tails(runId, [{ processor, attempt: 1 }]))[0]!;
}

export function lastLineTests(open: () => LogStore): void {
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
    it(what, async () => {
      const logs = open();
      const runId = newId();
      const offsets = new Map<LogStream, number>();
      for (const part of parts) {
        const stream = part.stream ?? LogStream.STDOUT;
        const offset = offsets.get(stream) ?? 0;
        offsets.set(stream, await logs.append(chunkOf({ runId, ...part, stream, offset })));
      }
      assert.equal(await tailOf(logs, runId, 'build'), expected);
      logs.finish(runId, 'build', 1);
      assert.equal(await tailOf(logs, runId, 'build'), expected);
      assert.equal(await tailOf(open(), runId, 'build'), expected);
    });
  }
}
