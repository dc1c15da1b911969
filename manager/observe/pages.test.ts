import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { createLog } from '../../proto/log.ts';
import type { ManagerRow } from '../store/store.ts';
import { createMeter } from './meter.ts';
import { createPages, type PagesOptions } from './pages.ts';

const row = (managerId: string, expiresMs: number) => ({ managerId, expiresMs }) as ManagerRow;

function pages(options: Partial<PagesOptions> = {}) {
  const lines: string[] = [];
  const meter = createMeter({ withProcess: false });
  meter.counter('wiz_things_total', 'Things.').add();
  const all = createPages({
    meter,
    anonymousMetrics: false,
    store: { listManagers: async () => [row('me', Date.now() + 60_000)] },
    managerId: 'me',
    draining: () => false,
    stuck: () => undefined,
    log: createLog('info', (level, message, { checks, error }) =>
      lines.push([level, message, checks, error].filter(Boolean).join(' ')),
    ),
    ...options,
  });
  const find = (path: string) => all.find((page) => page.path === path)!;
  async function get(path: string, accept?: string) {
    const headers: Record<string, string> = {};
    const answer = { statusCode: 0, text: '' };
    await find(path).handle(
      { headers: { accept } },
      {
        set statusCode(status: number) {
          answer.statusCode = status;
        },
        setHeader: (name, value) => void Object.assign(headers, { [name]: value }),
        end: (text) => void Object.assign(answer, { text }),
      },
    );
    return { ...answer, type: headers['content-type'] };
  }
  return { get, find, lines };
}

test('metrics are for viewers, or for anyone where the configuration says so', async () => {
  const { get, find } = pages();
  assert.equal(find('/metrics').role, Role.VIEWER);
  assert.equal(pages({ anonymousMetrics: true }).find('/metrics').role, Role.ANYONE);
  assert.match((await get('/metrics')).text, /^wiz_things_total 1$/m);
  assert.match(
    (await get('/metrics', 'application/openmetrics-text')).type!,
    /^application\/openmetrics-text/,
  );
});

test('it is alive as long as it answers, and ready when store, membership and server are', async () => {
  const { get, find, lines } = pages();
  assert.deepEqual([find('/healthz').role, find('/readyz').role], [Role.ANYONE, Role.ANYONE]);
  assert.equal((await get('/healthz')).statusCode, 200);
  const ready = await get('/readyz');
  assert.deepEqual(
    [ready.statusCode, JSON.parse(ready.text)],
    [200, { ready: true, checks: { store: 'ok', joined: 'ok', writing: 'ok', serving: 'ok' } }],
  );
  assert.deepEqual(lines, []);
});

test('which check fails is told to whoever asks, and why only in the log, once', async () => {
  let store: () => Promise<ManagerRow[]> = () => Promise.reject(new Error('no connection to 10.1.2.3'));
  let draining = false;
  const { get, lines } = pages({ store: { listManagers: () => store() }, draining: () => draining });
  for (let n = 0; n < 2; n += 1) {
    const { statusCode, text } = await get('/readyz');
    assert.equal(statusCode, 503);
    assert.deepEqual(JSON.parse(text).checks, {
      store: 'failed',
      joined: 'failed',
      writing: 'ok',
      serving: 'ok',
    });
    assert.doesNotMatch(text, /10\.1\.2\.3/);
  }
  store = async () => [row('me', Date.now() - 1), row('other', Date.now() + 60_000)];
  assert.deepEqual(JSON.parse((await get('/readyz')).text).checks.joined, 'failed');
  store = async () => [row('me', Date.now() + 60_000)];
  draining = true;
  assert.deepEqual(JSON.parse((await get('/readyz')).text).checks, {
    store: 'ok',
    joined: 'ok',
    writing: 'ok',
    serving: 'failed',
  });
  draining = false;
  assert.equal((await get('/readyz')).statusCode, 200);
  assert.deepEqual(lines, [
    'warn not ready store,joined no connection to 10.1.2.3',
    'warn not ready joined',
    'warn not ready serving',
    'info ready',
  ]);
});

test('a manager whose runs wait for a full disk is not ready', async () => {
  let stuck: Error | undefined = new Error('There is no space left.');
  const { get, lines } = pages({ stuck: () => stuck });
  const { statusCode, text } = await get('/readyz');
  assert.equal(statusCode, 503);
  assert.equal(JSON.parse(text).checks.writing, 'failed');
  stuck = undefined;
  assert.equal((await get('/readyz')).statusCode, 200);
  assert.deepEqual(lines, ['warn not ready writing There is no space left.', 'info ready']);
});

test('a store that hangs is not waited for', async () => {
  const { get } = pages({ store: { listManagers: () => new Promise<never>(() => {}) } });
  assert.equal((await get('/readyz')).statusCode, 503);
});
