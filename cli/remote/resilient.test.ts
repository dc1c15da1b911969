import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, createRouterTransport, type Interceptor } from '@connectrpc/connect';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { resilient } from './resilient.ts';

test('patience counts the time that the tries take, not only that between them', async (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  let tries = 0;
  const unreachable: Interceptor = () => async () => {
    tries += 1;
    nowMs += 10_000;
    throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
  };
  const interceptors = [resilient({ url: 'https://a', tell() {}, impatient: false }), unreachable];
  const transport = createRouterTransport(() => {}, { transport: { interceptors } });
  await assert.rejects(createClient(RunService, transport).listRuns({}), /a does not answer/);
  assert.equal(tries, 2);
});
