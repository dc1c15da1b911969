/** wiz doctor on the machine of a daemon, and from a client of one. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { newCertificate, writeCertificate } from '../certificate.ts';
import { ADMIN_TOKEN, startDaemon } from '../daemon.ts';
import { newPlace, type Place } from '../e2e/place.ts';
import { startOidcProvider } from '../oidc-provider.ts';

interface Finding {
  name: string;
  verdict: string;
  message: string;
  advice: string;
}

let place: Place;
before(() => {
  place = newPlace();
});
after(() => place.leave());

async function doctor(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: unknown; of(name: string): Finding }> {
  const { code, stdout, stderr } = await place.run(['doctor', ...args, '--json'], { env });
  assert.equal(stderr, '');
  const findings = JSON.parse(stdout) as Finding[];
  const of = (name: string) => {
    const found = findings.find((finding) => finding.name === name);
    assert.ok(found, `${name} is not among ${stdout}`);
    return found;
  };
  return { code, of };
}

suite('on the machine of a daemon', () => {
  test('all is well, before it runs and while it does', async (t) => {
    const provider = await startOidcProvider(t);
    const files = writeCertificate(place.folder, newCertificate('wiz'));
    const config = place.write(
      'wiz.yaml',
      `tls: { certificate: ${files.certificate}, key: ${files.key} }\nlisten: 127.0.0.1:0\nauth: { oidc: { issuer: "${provider.issuer}", clientId: wiz-cli } }\n`,
    );
    chmodSync(files.key, 0o600);
    const { code, of } = await doctor(['--config', config]);
    const verdicts = [
      'configuration',
      'store',
      'file store',
      'port',
      'certificate name',
      'certificate key',
      'OIDC',
    ];
    for (const name of verdicts) assert.equal(of(name).verdict, 'ok', of(name).message);
    // Certificates of tests hold for a day.
    assert.match(of('certificate').message, /expires in 0 days/);
    assert.equal(of('daemon').message, 'does not run here');
    assert.equal(code, 0);

    const plain = place.write('plain.yaml', 'slots: 3\n');
    const daemon = await startDaemon(place, { args: ['--config', plain] });
    t.after(() => daemon.stop());
    const { port } = new URL(daemon.url);
    const running = await doctor(['--config', place.write('same.yaml', `listen: 127.0.0.1:${port}\n`)]);
    assert.match(running.of('port').message, /the daemon of .* serves there, process \d+/);
    assert.match(running.of('store').message, /wiz\.db, schema \d+$/);
    assert.match(running.of('daemon').message, /1 daemons on its store/);
    assert.equal(running.of('executors').verdict, 'ok');
  });

  test('everything that is wrong is told, with what to do', async (t) => {
    const taken = createTcpServer().listen(0, '127.0.0.1');
    const other = createServer((_, response) => response.end('{"issuer":"https://elsewhere"}')).listen(
      0,
      '127.0.0.1',
    );
    t.after(() => [taken, other].map((server) => server.close()));
    await Promise.all(
      [taken, other].map((server) => new Promise((resolve) => server.once('listening', resolve))),
    );
    const portOf = (server: typeof taken) => (server.address() as AddressInfo).port;
    const mine = writeCertificate(
      `${place.folder}/mine`,
      newCertificate('wiz', { names: ['wiz.example.com'] }),
    );
    const theirs = writeCertificate(`${place.folder}/theirs`, newCertificate('other'));
    const config = place.write(
      'wrong.yaml',
      [
        `listen: 127.0.0.1:${portOf(taken)}`,
        `tls: { certificate: ${mine.certificate}, key: ${theirs.key} }`,
        'store: postgres://wiz:hunter2@127.0.0.1:1/wiz',
        `files: folder:${place.write('no-folder', '')}/files`,
        `auth: { oidc: { issuer: "http://127.0.0.1:${portOf(other)}", clientId: x } }`,
        '',
      ].join('\n'),
    );
    const { code, of } = await doctor(['--config', config]);
    assert.equal(code, 3);
    assert.match(of('store').message, /^postgres:\/\/wiz:\*\*\*@127\.0\.0\.1:1\/wiz: .*ECONNREFUSED/);
    assert.equal(of('file store').verdict, 'fail');
    assert.match(of('port').message, /EADDRINUSE/);
    assert.match(of('certificate name').message, /wiz\.example\.com, and the daemon listens on 127\.0\.0\.1/);
    assert.match(of('certificate key').message, /is not the key of the certificate/);
    assert.match(of('OIDC').message, /says that it is https:\/\/elsewhere/);
  });

  test('a configuration that is wrong is told with its places', async () => {
    const { code, of } = await doctor(['--config', place.write('bad.yaml', 'slots: 2\nlistn: x\n')]);
    assert.equal(code, 3);
    assert.match(of('configuration').message, /bad\.yaml:2:1: unknown key "listn"$/);
    assert.equal(of('configuration').advice, 'Did you mean "listen"?');
  });
});

suite('from a client', () => {
  test('a daemon that works, for whoever may start runs', async (t) => {
    const daemon = await startDaemon(place);
    t.after(() => daemon.stop());
    const { code, of } = await doctor([], { WIZ_MANAGER: daemon.url, WIZ_TOKEN: ADMIN_TOKEN });
    for (const name of ['context', 'daemon', 'version', 'clocks', 'signed in', 'executors', 'executor']) {
      assert.equal(of(name).verdict, 'ok', of(name).message);
    }
    assert.equal(code, 0);
    const stranger = await doctor([], { WIZ_MANAGER: daemon.url });
    assert.deepEqual([stranger.code, stranger.of('signed in').verdict], [3, 'fail']);
  });

  test('one that is not there', async () => {
    const { code, of } = await doctor([], { WIZ_MANAGER: 'http://127.0.0.1:1' });
    assert.equal(code, 3);
    assert.match(of('daemon').message, /connection refused/);
  });
});
