import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import { newId } from '../../proto/ids.ts';
import { bytesOf, chunkOf, chunksOf, queryOf, textOf } from './conformance/logs.ts';
import { openFileLogs } from './file-logs.ts';
import { countLineFeeds } from './logs/frame.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

const LOGGER = fileURLToPath(new URL('fixtures/logger.ts', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'wiz-logs-'));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(home, { recursive: true });
});

/** What an executor sends: pieces of the streams, from any offset already sent on; sometimes the manager restarts. */
const step = fc.record({
  stream: fc.constantFrom(LogStream.STDOUT, LogStream.STDERR),
  /** Bytes before the end of what was sent: sent again. */
  again: fc.nat(40),
  length: fc.nat(60),
  event: fc.constantFrom('nothing', 'nothing', 'nothing', 'restart', 'finish'),
});
const streamBytes = fc.array(fc.constantFrom(10, 10, 13, 65, 195, 169, 0, 255), {
  minLength: 1,
  maxLength: 600,
});

describe('logs under chaos', () => {
  it('come back byte for byte, from every line, however they were cut and doubled', async () => {
    await fc.assert(
      fc.asyncProperty(
        streamBytes,
        streamBytes,
        fc.array(step, { maxLength: 60 }),
        async (out, err, steps) => {
          const sources = { [LogStream.STDOUT]: Buffer.from(out), [LogStream.STDERR]: Buffer.from(err) };
          const sent = { [LogStream.STDOUT]: 0, [LogStream.STDERR]: 0 };
          const runId = newId();
          let logs = openFileLogs(home);
          for (const { stream, again, length, event } of steps) {
            const source = sources[stream];
            const offset = Math.max(0, sent[stream] - again);
            const data = source.subarray(offset, offset + length);
            const line = countLineFeeds(source.subarray(0, offset)) + 1;
            sent[stream] = Math.max(sent[stream], offset + data.length);
            assert.equal(logs.append(chunkOf({ runId, stream, offset, line, data })), sent[stream]);
            if (event === 'finish') logs.finish(runId, 'build', 1);
            if (event !== 'restart') continue;
            logs.close();
            logs = openFileLogs(home);
          }
          for (const stream of [LogStream.STDOUT, LogStream.STDERR] as const) {
            const source = sources[stream].subarray(0, sent[stream]);
            for (let fromLine = 0, at = 0; ; fromLine += 1) {
              const chunks = await chunksOf(logs, queryOf(runId, { streams: [stream], fromLine }));
              assert.ok(bytesOf(chunks, stream).equals(source.subarray(at)));
              for (const { offset, line } of chunks) {
                assert.equal(line, countLineFeeds(source.subarray(0, offset)) + 1);
              }
              if (fromLine === 0) continue;
              const next = source.indexOf(10, at);
              if (next === -1) break;
              at = next + 1;
            }
          }
          logs.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('loses nothing acknowledged when the process is killed', async () => {
    const runId = newId();
    const child = spawn(process.execPath, [LOGGER, home, runId, '100'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines: string[] = [];
    const output = createInterface({ input: child.stdout });
    output.on('line', (line) => {
      lines.push(line);
      if (lines.length === 500) child.kill('SIGKILL');
    });
    await Promise.all([once(child, 'exit'), once(output, 'close')]);
    const logs = openFileLogs(home);
    const text = textOf(await chunksOf(logs, queryOf(runId)));
    assert.ok(text.length >= Number(lines.at(-1)));
    assert.equal(text.length % 100, 0);
    assert.ok(text.length < 10_000_000, 'it ended before it was killed');
    assert.equal(logs.append(chunkOf({ runId, offset: 0, data: text })), text.length);
    logs.close();
  });

  it('refuses what there is no room for, and keeps what came before', async () => {
    const runId = newId();
    // A file may have 200 KiB.
    const argv = ['-c', 'ulimit -f 200; exec "$@"', 'bash', process.execPath, LOGGER, home, runId, '3000'];
    const child = spawn('bash', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const output: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) output.push(line);
    const refusal = JSON.parse(output.pop()!);
    assert.equal(refusal.code, 'resource_exhausted');
    assert.match(refusal.message, /build\.1\.log.*make room/);
    const logs = openFileLogs(home);
    assert.equal(textOf(await chunksOf(logs, queryOf(runId))).length, Number(output.at(-1)));
    logs.close();
  });
});
