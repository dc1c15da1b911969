/** Who may use a daemon, tried from outside: its port, its files, its log. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import { newCertificate, writeCertificate } from './certificate.ts';
import { ADMIN_TOKEN, type Daemon, type DaemonOptions, startDaemon, startRun, watchToEnd } from './daemon.ts';
import { type Place, placeFor, until } from './e2e/place.ts';
import { startOidcProvider } from './oidc-provider.ts';

const PASSWORD = 'a password of ada';

/** A place with a daemon; neither is left. */
async function served(
  t: TestContext,
  options: DaemonOptions = {},
): Promise<{ place: Place; daemon: Daemon }> {
  const place = placeFor(t);
  const daemon = await startDaemon(place, options);
  t.after(async () => {
    daemon.process.child.kill();
    await daemon.process.ended;
  });
  return { place, daemon };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
  body: any;
}

async function ask(daemon: Daemon, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${daemon.url}${path}`, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

const post = (headers: Record<string, string>, body: unknown = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
const START = '/wiz.v1.RunService/StartRun';

describe('a daemon', { concurrency: 2 }, () => {
  it('asks for a credential, on every way in', async (t) => {
    const { daemon } = await served(t);
    for (const path of ['/api/v1/runs', '/api/v1/tokens', '/api/v1/audit', '/api/v1/identity']) {
      const { status, headers, body } = await ask(daemon, path);
      assert.deepEqual([status, body.code], [401, 'unauthenticated'], path);
      assert.match(headers.get('www-authenticate') ?? '', /^Bearer/);
    }
    assert.equal((await ask(daemon, START, post({}))).status, 401);
    assert.equal((await ask(daemon, '/api/v1/runs', post({}))).status, 401);
    await assert.rejects(daemon.connect({ token: '' }).runs.listRuns({}), { code: 16 });
    assert.equal((await ask(daemon, '/api/v1/login-methods')).status, 200);
  });

  it('lets in whom the command line of its machine makes a token for, until that is revoked', async (t) => {
    const { place, daemon } = await served(t);
    const make = async (name: string, role: string) =>
      (await place.out(['tokens', 'create', '--name', name, '--role', role])).trim();
    const [viewer, operator] = [await make('v', 'viewer'), await make('o', 'operator')];
    assert.equal((await ask(daemon, '/api/v1/runs', { headers: bearer(viewer) })).status, 200);
    const refused = await ask(daemon, START, post(bearer(viewer), { pipeline: 'x' }));
    assert.deepEqual([refused.status, refused.body.code], [403, 'permission_denied']);
    assert.match(refused.body.message, /RunService\/StartRun needs the role operator; v has the role viewer/);
    const runId = await startRun(
      daemon.connect({ token: operator }),
      place,
      'name: p\nprocessors:\n  a: { run: echo hi }\n',
    );
    assert.equal((await watchToEnd(daemon.connect({ token: viewer }), runId)).state, RunState.SUCCEEDED);
    const { body } = await ask(daemon, '/api/v1/tokens', { headers: bearer(operator) });
    assert.match(body.message, /needs the role admin/);

    assert.equal(await place.out(['tokens', 'revoke', 'v']), `Token v (${viewer.split('_')[1]}) revoked.\n`);
    await until(
      'the token is refused',
      async () => (await ask(daemon, '/api/v1/runs', { headers: bearer(viewer) })).status === 401,
    );
    const listed = await place.json(['tokens', 'list']);
    assert.deepEqual(
      listed.map(({ name }: { name: string }) => name),
      ['o'],
    );
  });

  it('tells who did what, and no secret, in whatever it writes', async (t) => {
    const { place, daemon } = await served(t);
    const token = (await place.out(['tokens', 'create', '--name', 'ci', '--role', 'operator'])).trim();
    await place.out(['users', 'add', 'ada', '--role', 'admin'], { input: `${PASSWORD}\n` });
    const { status } = await ask(
      daemon,
      '/api/v1/tokens',
      post(basic('ada', PASSWORD), { name: 'x', role: 2 }),
    );
    assert.equal(status, 200);
    const wrong = `${token.slice(0, -43)}${'y'.repeat(43)}`;
    assert.equal((await ask(daemon, START, post(bearer(wrong)))).status, 401);
    assert.equal((await ask(daemon, START, post(basic('ada', 'not the password')))).status, 401);
    const runId = await startRun(
      daemon.connect({ token }),
      place,
      'name: nightly\nprocessors:\n  a: { run: "true" }\n',
    );
    // Nobody has anything left to do when the daemon is killed.
    await watchToEnd(daemon.api, runId);

    const entries = async (...flags: string[]) => {
      const list: Record<string, string>[] = await place.json(['audit', ...flags]);
      return list.map(
        ({ actor = '', method, outcome, kind = '' }) => `${method} ${kind}:${actor} ${outcome}`,
      );
    };
    const user = userInfo().username;
    assert.deepEqual(await entries(), [
      'RunService/StartRun token:ci ok',
      'RunService/StartRun : unauthenticated',
      'RunService/StartRun : unauthenticated',
      'AccessService/CreateToken user:ada ok',
      `AccessService/CreateUser local:${user} ok`,
      `AccessService/CreateToken local:${user} ok`,
    ]);
    assert.equal((await entries('--actor', 'ada')).length, 1);
    assert.equal((await entries('--method', 'RunService/*', '--since', '1h')).length, 3);
    assert.equal((await entries('--since', '2999-01-01')).length, 0);
    assert.match(
      await place.out(['audit', '--limit', '1']),
      /^TIME +ACTOR.*\n.*ci +token +RunService\/StartRun +ok +127\.0\.0\.1/,
    );

    await daemon.kill();
    const secrets = [token.slice(-43), PASSWORD, 'not the password', 'y'.repeat(43), ADMIN_TOKEN];
    const written = [...globSync('**', { cwd: place.home }).map((name) => join(place.home, name))].filter(
      (path) => statSync(path).isFile() && !path.endsWith('daemon.json'),
    );
    for (const path of written) {
      const content = readFileSync(path);
      for (const secret of secrets) assert.ok(!content.includes(secret), `${path} has a secret`);
    }
    const { stdout, stderr } = await daemon.process.ended;
    for (const secret of secrets) assert.ok(!`${stdout}${stderr}`.includes(secret));
  });

  it('has the entry of a call that was made, also when it is killed right after', async (t) => {
    const { place, daemon } = await served(t);
    const content = Buffer.from('name: nightly\nprocessors:\n  a: { run: "true" }\n');
    await daemon.api.pipelines.applyPipelines({ files: [{ path: 'given.yaml', content, baseDir: '/' }] });
    await daemon.kill();
    const method = 'PipelineService/ApplyPipelines';
    const list: Record<string, string>[] = await place.json(['audit', '--method', method]);
    assert.equal(list.length, 1);
    assert.ok(['ok', undefined].includes(list[0]!.outcome));
    if (list[0]!.outcome === 'ok') assert.equal(list[0]!.target, 'given.yaml nightly');
  });

  it('tells its machine how to get in, and takes that back', async (t) => {
    const place = placeFor(t);
    const path = join(place.home, 'daemon.json');
    const read = () => JSON.parse(readFileSync(path, 'utf8'));
    const first = await startDaemon(place, { env: { WIZ_BOOTSTRAP_TOKEN: undefined } });
    await first.process.says(/nobody has a token yet/);
    const made = await place.out([
      'tokens',
      'create',
      '--manager',
      'local',
      '--name',
      'ops',
      '--role',
      'admin',
    ]);
    const ops = await ask(first, '/api/v1/tokens', { headers: bearer(made.trim()) });
    assert.deepEqual([ops.status, ops.body.tokens[0].createdBy], [200, userInfo().username]);
    const { url, token } = read();
    assert.equal(url, first.url);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const identity = await ask(first, '/api/v1/identity', { headers: bearer(token) });
    assert.deepEqual([identity.body.identity.kind, identity.body.identity.role], ['machine', 'ROLE_ADMIN']);
    await first.kill();
    const second = await startDaemon(place);
    assert.equal((await ask(second, '/api/v1/identity', { headers: bearer(token) })).status, 401);
    assert.equal((await ask(second, '/api/v1/identity', { headers: bearer(read().token) })).status, 200);
    await second.stop();
    assert.equal(existsSync(path), false);
  });

  it('shows what it keeps of access to no query', async (t) => {
    const { place, daemon } = await served(t);
    const viewer = (await place.out(['tokens', 'create', '--name', 'v', '--role', 'viewer'])).trim();
    const { records } = daemon.connect({ token: viewer });
    for (const sql of [
      'SELECT * FROM tokens',
      'SELECT hash FROM main.tokens',
      'SELECT * FROM users, audit',
    ]) {
      const asked = records.queryRecords({ sql })[Symbol.asyncIterator]();
      await assert.rejects(asked.next(), { code: 3 }, sql);
    }
  });

  it('makes whoever guesses wait, and nobody else', async (t) => {
    const { place, daemon } = await served(t);
    await place.out(['users', 'add', 'ada', '--role', 'viewer'], { input: PASSWORD });
    const guess = (i: number) =>
      ask(daemon, '/api/v1/runs', { headers: bearer(`wiz_00000000000${i % 10}_${'x'.repeat(43)}`) });
    let last = await guess(0);
    for (let i = 1; i < 12; i += 1) last = await guess(i);
    assert.deepEqual([last.status, last.body.code], [429, 'resource_exhausted']);
    assert.match(last.headers.get('retry-after') ?? '', /^\d+$/);
    assert.equal((await ask(daemon, '/api/v1/runs', { headers: basic('ada', PASSWORD) })).status, 429);
    assert.equal((await ask(daemon, '/api/v1/runs', { headers: bearer(ADMIN_TOKEN) })).status, 200);
  });

  it('takes the people of an OIDC provider', async (t) => {
    const provider = await startOidcProvider(t);
    const place = placeFor(t);
    place.write(
      'wiz.yaml',
      `auth:\n  oidc:\n    issuer: ${provider.issuer}\n    clientId: ${provider.clientId}\n    roles: { lab: operator }\n`,
    );
    const daemon = await startDaemon(place, { args: ['--config', 'wiz.yaml'] });
    t.after(() => daemon.stop());
    const { body } = await ask(daemon, '/api/v1/login-methods');
    assert.deepEqual(body.oidc, {
      issuer: provider.issuer,
      clientId: provider.clientId,
      scopes: ['openid', 'profile', 'email', 'offline_access'],
    });
    const status = async (claims: object) =>
      (await ask(daemon, '/api/v1/runs', { headers: bearer(await provider.sign({ ...claims })) })).status;
    assert.equal(await status({ groups: ['lab'] }), 200);
    assert.equal(await status({ groups: ['others'] }), 403);
    assert.equal(await status({ groups: ['lab'], aud: 'another' }), 401);
    assert.equal(await status({ groups: ['lab'], exp: 1 }), 401);
  });

  it('does not begin where others could reach it without TLS and a credential', async (t) => {
    const place = placeFor(t);
    const refused = async (...flags: string[]) => {
      const { code, stderr } = await place.run(['manager', 'serve', ...flags]);
      assert.equal(code, 2, stderr);
      return stderr;
    };
    assert.match(await refused('--listen', '0.0.0.0:0'), /can be reached from other machines.*clear text/);
    const { certificate, key } = writeCertificate(join(place.folder, 'tls'), newCertificate('wiz'));
    const tls = ['--set', `tls.certificate=${certificate}`, '--set', `tls.key=${key}`];
    const open = await refused('--listen', '0.0.0.0:0', ...tls, '--set', 'auth.anonymous=viewer');
    assert.match(open, /whoever shows no credential would be viewer/);
    assert.equal(existsSync(join(place.home, 'daemon.json')), false);
  });

  it('passes its bootstrap token on to no program', async (t) => {
    const { place, daemon } = await served(t);
    const runId = await startRun(daemon.api, place, 'name: p\nprocessors:\n  a: { run: env }\n');
    assert.equal((await watchToEnd(daemon.api, runId)).state, RunState.SUCCEEDED);
    const log = await place.out(['runs', 'logs', runId, 'a']);
    assert.match(log, /WIZ_RUN_ID=/);
    assert.ok(!log.includes(ADMIN_TOKEN));
  });
});
