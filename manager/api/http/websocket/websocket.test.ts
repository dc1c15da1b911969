import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { WebSocket } from 'ws';
import { until } from '../../../../test/e2e/place.ts';
import { servedManager } from '../daemon.fixture.ts';
import type { ServeHttpOptions } from '../server.ts';

describe('WebSockets', () => {
  const { daemon, server } = servedManager();

  async function start(script: string): Promise<string> {
    const response = await fetch(`${server.url}/api/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ adHoc: { argv: ['sh', '-c', script], workdir: daemon.folder } }),
    });
    return ((await response.json()) as { run: { runId: string } }).run.runId;
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect, and fail when it is not there
  type Told = any;
  function open(path: string, { protocols = [] as string[], to = server, ...options } = {}) {
    const client = new WebSocket(to.url.replace('http', 'ws') + path, protocols, options);
    const told: Told[] = [];
    client.on('message', (data) => told.push(JSON.parse(data.toString())));
    client.on('error', () => {});
    const closed = once(client, 'close').then(([code]) => code as number);
    const refused = new Promise<number>((resolve) => {
      client.on('unexpected-response', (request, response) => {
        resolve(response.statusCode!);
        request.destroy();
      });
    });
    return { client, told, closed, refused, say: (value: unknown) => client.send(JSON.stringify(value)) };
  }
  const seqsOf = (told: Told[]) =>
    told.flatMap(({ events = [] }: Told) => events.map(({ seq }: { seq: number }) => seq));
  const counted = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  it('tells of a run to its end', async () => {
    const runId = await start('echo hello');
    const { told, closed } = open(`/api/v1/runs/${runId}:watch`);
    assert.equal(await closed, 1000);
    const seqs = seqsOf(told);
    assert.deepEqual(seqs, counted(1, seqs.length));
    assert.ok(told.at(-1).events.at(-1).runEnded);
    const rest = open(`/api/v1/runs/${runId}:watch?after_seq=2`);
    await rest.closed;
    assert.deepEqual(seqsOf(rest.told), counted(3, seqs.length));
  });

  it('watches many runs on one connection, and lets go of one', async () => {
    const ended = await start('exit 1');
    const going = await start('echo a; sleep 300');
    const { client, told, say, closed } = open('/api/v1/ws');
    await once(client, 'open');
    say({ watch: ended });
    say({ watch: going, afterSeq: 1, logTails: true });
    say({ watch: 'nope' });
    const of = (runId: string) => told.filter(({ watch }) => watch === runId);
    await until('one has ended', () => of(ended).at(-1)?.end !== undefined);
    await until('a tail has come', () => of(going).some(({ tails = [] }) => tails[0]?.line === 'a'));
    await until('one is refused', () => of('nope')[0]?.error.code === 'not_found');
    assert.equal(seqsOf(of(going))[0], 2);
    say({ watch: going });
    await until('not twice', () => of(going).at(-1)?.error?.code === 'invalid_argument');
    say({ unwatch: going });
    say({ watch: going, afterSeq: 2 });
    say({ nonsense: 1 });
    client.send('{');
    client.send(Buffer.from('{"watch":"latest"}'), { binary: true });
    await until('all that is wrong is told', () => of(undefined as never).length === 3);
    await fetch(`${server.url}/api/v1/runs/${going}:cancel`, { method: 'POST' });
    await until('the other has ended', () => of(going).at(-1)?.end !== undefined);
    client.close();
    await closed;
  });

  it('lets go of a run that it was not let in to yet', async () => {
    const { promise: letIn, resolve: enter } = Promise.withResolvers<void>();
    const to = await daemon.serve({ gate: () => letIn });
    const ended = await start('exit 1');
    const { client, told, say, closed } = open('/api/v1/ws', { to });
    await once(client, 'open');
    say({ watch: ended });
    say({ unwatch: ended });
    say({ watch: ended, afterSeq: 2 });
    say({ nonsense: 1 });
    await until('all has been read', () => told.length > 0);
    enter();
    await until('the run has ended', () => told.at(-1).end !== undefined);
    assert.deepEqual(
      told.flatMap(({ error }) => error?.message ?? []),
      ['A message has no "nonsense".'],
    );
    assert.equal(seqsOf(told)[0], 3);
    client.close();
    await closed;
  });

  const guarded: Partial<ServeHttpOptions> = {
    gate: ({ requestHeader }) => check(requestHeader),
    admit: async (headers) => check(headers),
  };
  function check(headers: Headers): void {
    if (headers.get('authorization') !== 'Bearer good') throw new ConnectError('Who?', Code.Unauthenticated);
  }

  it('is refused as any other request', async () => {
    const to = await daemon.serve(guarded);
    const { client } = open('/api/v1/ws', { to });
    const [request, { statusCode, headers }] = await once(client, 'unexpected-response');
    request.destroy();
    assert.deepEqual([statusCode, headers['www-authenticate'], headers.connection], [401, 'Bearer', 'close']);
    assert.deepEqual([headers['x-content-type-options'], headers['cache-control']], ['nosniff', 'no-store']);
  });

  it('asks who calls before it opens', async () => {
    const runId = await start('true');
    const to = await daemon.serve(guarded);
    for (const path of [`/api/v1/runs/${runId}:watch`, '/api/v1/ws']) {
      assert.equal(await open(path, { to }).refused, 401);
      assert.equal(await open(`${path}?access_token=bad`, { to }).refused, 401);
      assert.equal(await open(path, { to, protocols: ['wiz.v1', 'bearer.bad'] }).refused, 401);
      const ways = [
        { path, headers: { authorization: 'Bearer good' } },
        { path: `${path}?access_token=good` },
        { path, protocols: ['wiz.v1', 'bearer.good'] },
      ];
      for (const { path: at, ...how } of ways) {
        const { client, closed } = open(at, { to, ...how });
        await once(client, 'open');
        assert.equal(client.protocol, 'protocols' in how ? 'wiz.v1' : '');
        client.close();
        await closed;
      }
    }
  });

  it('refuses pages of other origins, other paths, and what is too long', async () => {
    const path = '/api/v1/ws';
    assert.equal(await open(path, { origin: 'https://evil.example' } as object).refused, 403);
    assert.equal(await open(path, { headers: { host: 'evil.example' } } as object).refused, 403);
    const listed = await daemon.serve({ origins: ['https://ui.example'] });
    const allowed = open(path, { to: listed, origin: 'https://ui.example' } as object);
    await once(allowed.client, 'open');
    allowed.client.close();
    assert.equal(await open('/api/v1/runs').refused, 404);
    assert.equal(await open('/api/v1/runs/latest/manifest').refused, 404);
    assert.equal(await open('/api/v1/runs/latest:watch?after=1').refused, 400);
    const long = open(path);
    await once(long.client, 'open');
    long.say({ watch: 'x'.repeat(20_000) });
    assert.equal(await long.closed, 1009);
  });

  it('closes with 1012 when the server goes, watching or not', async () => {
    const to = await daemon.serve();
    const runId = await start('sleep 300');
    const one = open(`/api/v1/runs/${runId}:watch`, { to });
    const idle = open('/api/v1/ws', { to });
    const busy = open('/api/v1/ws', { to });
    await Promise.all([once(idle.client, 'open'), once(busy.client, 'open')]);
    busy.say({ watch: runId });
    await until('both watch', () => one.told.length > 0 && busy.told.length > 0);
    await to.close();
    assert.deepEqual(await Promise.all([one.closed, idle.closed, busy.closed]), [1012, 1012, 1012]);
    assert.equal(one.told.at(-1).error.code, 'unavailable');
    assert.equal(busy.told.at(-1).error.code, 'unavailable');
    await fetch(`${server.url}/api/v1/runs/${runId}:cancel`, { method: 'POST' });
  });
});
