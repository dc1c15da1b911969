/** Guests who send too much, or too slowly, while others work. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDaemon, startRun } from '../daemon.ts';
import { placeFor } from '../e2e/place.ts';
import { COUNTING } from '../managers/several.fixture.ts';
import { allEnded, allRuns, countedOnce, countsOf } from './ground.fixture.ts';

const RUNS = 200;
/** Connections that trickle. */
const SLOW = 100;
/** Guests who send 100 MB, each again and again. */
const LARGE = 3;
const LARGE_BYTES = 100 * 1024 * 1024;
const PIECE = Buffer.alloc(256 * 1024, ' ');

test(`slow-loris and 100 MB requests during ${RUNS} runs: they end, each once`, async (t) => {
  const place = placeFor(t);
  const daemon = await startDaemon(place);
  const port = Number(new URL(daemon.url).port);
  const ending = new AbortController();
  const { signal } = ending;
  const sockets = new Set<Socket>();
  const guest = async (head: string, piece: Buffer | string, pauseMs: number): Promise<number> => {
    let times = 0;
    while (!signal.aborted) {
      times += 1;
      const socket = connect(port, '127.0.0.1');
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
      // An answer is not listened to, but taken.
      socket.resume();
      socket.write(head);
      for (let sent = 0; !signal.aborted && !socket.destroyed && sent < LARGE_BYTES; sent += piece.length) {
        socket.write(piece);
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
      }
      socket.destroy();
    }
    return times;
  };
  const post = 'POST /api/v1/pipelines:validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
  const guests = [
    ...Array.from({ length: SLOW }, () => guest(`${post}X-Slow: `, 'x', 500)),
    ...Array.from({ length: LARGE }, () => guest(`${post}Content-Length: ${LARGE_BYTES}\r\n\r\n`, PIECE, 5)),
  ];
  try {
    for (let n = 0; n < RUNS; n += 1) await startRun(daemon.api, place, COUNTING);
    await allEnded(daemon.api);
  } finally {
    ending.abort();
    for (const socket of sockets) socket.destroy();
    t.diagnostic(
      `${(await Promise.all(guests)).reduce((sum, times) => sum + times, 0)} connections of guests`,
    );
  }
  const runs = await allRuns(daemon.api);
  assert.equal(runs.length, RUNS);
  for (const { runId } of runs) {
    await countedOnce(daemon.api, runId, ['a', 'b']);
    assert.deepEqual(
      ['a', 'b'].map((name) => countsOf(place).get(`${runId} ${name}`)),
      [1, 1],
    );
  }
  await daemon.stop();
});
