/** Signing in to a daemon, in each of its ways, and what is kept of it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { newCertificate, writeCertificate } from '../certificate.ts';
import { ADMIN_TOKEN, type Daemon, startDaemon } from '../daemon.ts';
import { newPlace, type Place } from '../e2e/place.ts';
import { startOidcProvider } from '../oidc-provider.ts';

let place: Place;
/** Contexts of each test are its own. */
let configs = 0;

before(() => {
  place = newPlace();
});
after(() => place.leave());

/** A person's shell: where contexts are kept, and nothing that names a manager. */
function shell() {
  const config = join(place.folder, `config-${configs++}`);
  return {
    env: { XDG_CONFIG_HOME: config, WIZ_HOME: join(place.folder, 'client') },
    contexts: join(config, 'wiz', 'contexts.json'),
  };
}

suite('with a token', () => {
  let daemon: Daemon;
  before(async () => {
    daemon = await startDaemon(place);
  });
  after(() => daemon.stop());

  test('from a file: kept for this user alone, then used by every command', async () => {
    const { env, contexts } = shell();
    const file = place.write('token', `${ADMIN_TOKEN}\n`);
    const { stdout, stderr, code } = await place.run(
      ['login', daemon.url, '--token-file', file, '--name', 'work'],
      { env },
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'work\n');
    assert.match(
      stderr,
      /^Signed in to http:\S+ as \S+ \(admin\)\. Commands talk to it: context "work"\.\n$/,
    );
    assert.equal(statSync(contexts).mode & 0o777, 0o600);
    assert.deepEqual(await place.json(['runs', 'list'], { env }), []);
    const [, work] = await place.json(['context', 'list'], { env });
    assert.deepEqual(work, { name: 'work', url: daemon.url, credential: 'token', current: true });
    const shown = await place.json(['context', 'show'], { env });
    assert.deepEqual(shown, { context: 'work', url: daemon.url, credential: 'token', chosenBy: 'context' });
    assert.ok(!JSON.stringify(shown).includes(ADMIN_TOKEN));
  });

  test('from standard input', async () => {
    const { env } = shell();
    await place.out(['login', daemon.url], { env, input: ADMIN_TOKEN });
    assert.deepEqual(await place.json(['runs', 'list'], { env }), []);
  });

  test('that is wrong: told, and nothing is kept', async () => {
    const { env, contexts } = shell();
    const { stderr, code } = await place.run(['login', daemon.url], { env, input: 'wiz_wrong' });
    assert.equal(code, 2);
    assert.match(stderr, /^wiz: the daemon does not accept it: /);
    assert.ok(!existsSync(contexts));
  });

  test('logout forgets it; use and remove choose another', async () => {
    const { env, contexts } = shell();
    await place.out(['login', daemon.url, '--name', 'work'], { env, input: ADMIN_TOKEN });
    await place.out(['logout'], { env });
    assert.ok(!readFileSync(contexts, 'utf8').includes(ADMIN_TOKEN));
    const out = await place.run(['runs', 'list'], { env });
    assert.equal(out.code, 3);
    assert.match(out.stderr, /Sign in with `wiz login`/);
    await place.out(['login', 'work'], { env, input: ADMIN_TOKEN });
    assert.deepEqual(await place.json(['runs', 'list'], { env }), []);
    await place.out(['context', 'use', 'bundled'], { env });
    assert.equal((await place.json(['context', 'show'], { env })).context, 'bundled');
    await place.out(['context', 'use', 'work'], { env });
    await place.out(['context', 'remove', 'work'], { env });
    assert.equal((await place.json(['context', 'show'], { env })).context, 'bundled');
  });

  test('of the daemon of the same user: local, without signing in', async () => {
    const { env } = shell();
    const local = { ...env, WIZ_HOME: place.home };
    const listed = await place.json(['context', 'list'], { env: local });
    assert.deepEqual(
      listed.map(({ name }: { name: string }) => name),
      ['bundled', 'local'],
    );
    assert.deepEqual(await place.json(['runs', 'list', '--context', 'local'], { env: local }), []);
  });
});

test('with a user name and a password', async (t) => {
  const daemon = await startDaemon(place);
  t.after(() => daemon.stop());
  await daemon.api.access.createUser({ name: 'ada', password: 'correct horse', role: Role.VIEWER });
  const { env } = shell();
  const wrong = await place.run(['login', daemon.url, '--user', 'ada'], { env, input: 'wrong horse' });
  assert.equal(wrong.code, 2);
  const { stderr } = await place.run(['login', daemon.url, '--user', 'ada'], {
    env,
    input: 'correct horse\n',
  });
  assert.match(stderr, /as ada \(viewer\)/);
  assert.deepEqual(await place.json(['runs', 'list'], { env }), []);
  const refused = await place.run(['exec', '--', 'true'], { env });
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /operator/);
});

suite('with OIDC', () => {
  const config = (issuer: string) =>
    place.write(
      'wiz.yaml',
      `auth:\n  oidc: { issuer: "${issuer}", clientId: wiz-cli, roles: { science: operator } }\n`,
    );

  test('by a code for a browser; renewed by itself, also by two commands at once', async (t) => {
    // Half a minute before its end a token is renewed: these are at once.
    const provider = await startOidcProvider(t, { expiresIn: 20 });
    const daemon = await startDaemon(place, { args: ['--config', config(provider.issuer)] });
    t.after(() => daemon.stop());
    const { env, contexts } = shell();
    const login = place.start(['login', daemon.url], { env });
    const [, code] = await login.says(/enter the code (\S+)/);
    provider.approve(code!, { groups: ['science'] });
    const ended = await login.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /as ada \(operator\)/);
    const kept = () => JSON.parse(readFileSync(contexts, 'utf8')).contexts['127.0.0.1'].credential;
    const before = kept().refreshToken;
    const lists = await Promise.all([1, 2].map(() => place.run(['runs', 'list', '--json'], { env })));
    assert.deepEqual(
      lists.map(({ code, stdout, stderr }) => [code, stdout + stderr]),
      [
        [0, '[]\n'],
        [0, '[]\n'],
      ],
    );
    assert.notEqual(kept().refreshToken, before);
  });

  test('that is refused, and a provider that is gone, are told', async (t) => {
    const provider = await startOidcProvider(t);
    const daemon = await startDaemon(place, { args: ['--config', config(provider.issuer)] });
    t.after(() => daemon.stop());
    const { env, contexts } = shell();
    const login = place.start(['login', daemon.url], { env });
    const [, code] = await login.says(/enter the code (\S+)/);
    provider.deny(code!);
    const ended = await login.ended;
    assert.deepEqual([ended.code, existsSync(contexts)], [2, false]);
    assert.match(ended.stderr, /wiz: you are not signed in: it was refused/);
    provider.failing = { status: 503 };
    const failed = await place.run(['login', daemon.url], { env });
    assert.equal(failed.code, 2);
    assert.match(failed.stderr, /^wiz: the provider http:\S+ cannot be asked: /);
  });
});

test('over TLS with an authority of its own, which the context keeps', async (t) => {
  const authority = newCertificate('authority');
  const files = writeCertificate(place.folder, newCertificate('wiz', { issuer: authority }));
  const daemon = await startDaemon(place, {
    args: ['--tls-cert', files.certificate, '--tls-key', files.key],
  });
  t.after(() => daemon.stop());
  const { env } = shell();
  const unknown = await place.run(['login', daemon.url], { env, input: ADMIN_TOKEN });
  assert.equal(unknown.code, 3);
  assert.match(unknown.stderr, /of an authority that is not known here/);
  const ca = place.write('ca.pem', authority.certificate);
  await place.out(['login', daemon.url, '--ca', ca], { env, input: ADMIN_TOKEN });
  assert.deepEqual(await place.json(['runs', 'list'], { env }), []);
});
