import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFrameReader, createFrameWriter, decodeExit, encodeExit } from './frames.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

test('frames survive any cut of the byte stream', async () => {
  const frame = fc.record({
    kind: fc.integer({ min: 1, max: 255 }),
    id: fc.integer({ min: 0, max: 0xffffffff }),
    size: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 4000, max: 70_000 })),
  });
  const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 20 }), cuts, async (frames, sizes) => {
      const pipe = new PassThrough();
      const writer = createFrameWriter(pipe as unknown as Socket);
      const sent = frames.map(({ kind, id, size }) => ({ kind, id, body: Buffer.alloc(size, id & 0xff) }));
      for (const { kind, id, body } of sent) writer.frame(kind, id, body);
      writer.flush();
      pipe.end();
      const bytes = Buffer.concat(await pipe.toArray());
      const received: typeof sent = [];
      const feed = createFrameReader((kind, id, body) =>
        received.push({ kind, id, body: Buffer.from(body) }),
      );
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = sizes[n % sizes.length]!;
        feed(bytes.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(received, sent);
    }),
    { numRuns: 100 },
  );
});

test('an exit keeps all of its numbers', () => {
  const exit = {
    code: -1,
    signal: 9,
    userCpuMs: 1.25,
    systemCpuMs: 0,
    peakMemoryBytes: 8e12,
    startedMs: 1.7e12,
    endedMs: 1.7e12 + 1,
    leftovers: true,
  };
  assert.deepEqual(decodeExit(encodeExit(exit)), exit);
});
