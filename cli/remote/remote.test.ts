/** Commands against a daemon: what is the same as bundled, what breaks on the way, and what is told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { timeOfId } from '../../proto/ids.ts';
import { newCertificate } from '../../test/certificate.ts';
import { journal, RUN_ID } from '../fixture/events.ts';
import { type FakeDaemon, type FakeDaemonOptions, startFakeDaemon } from '../fixture/fake-daemon.ts';
import { type Scenario, scenarios } from '../fixture/scenarios.ts';
import { start, wiz } from '../fixture/wiz.ts';

const folder = mkdtempSync(join(tmpdir(), 'wiz-remote-'));
const daemons = new Set<FakeDaemon>();
const servers = new Set<Server>();
after(async () => {
  for (const daemon of daemons) await daemon.stop();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

const record = () => {};

async function daemonOf(scenario: Scenario, options?: FakeDaemonOptions): Promise<FakeDaemon> {
  const daemon = await startFakeDaemon(scenario, options);
  daemons.add(daemon);
  return daemon;
}

/** The environment of a shell that uses a daemon. */
function at(url: string, more: NodeJS.ProcessEnv = {}) {
  return {
    environment: {
      WIZ_MANAGER: url,
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      ...more,
    },
  };
}

/** Until the client is gone, or its connection. */
async function untilGone({ signal }: { signal: AbortSignal }): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** A run of four events; its watchers get the next one, and then nothing until they are cut off. */
function oneByOne(): Scenario & { asked: number[] } {
  const j = journal();
  j.created([{ name: 'list' }]);
  j.started(1000, 'list');
  j.succeeded(1200, 'list');
  j.ended(1300, RunState.SUCCEEDED);
  const asked: number[] = [];
  return {
    asked,
    runs: {
      startRun: () => ({ run: { runId: RUN_ID } }),
      async *watchRun({ afterSeq }, context) {
        asked.push(afterSeq);
        yield { events: [j.events[afterSeq]!] };
        if (afterSeq + 1 < j.events.length) await untilGone(context);
      },
    },
  };
}

suite('the same as bundled', { concurrency: 2 }, () => {
  for (const argv of [
    ['runs', 'list'],
    ['runs', 'list', '--json'],
    ['pipeline', 'graph', 'audit'],
    ['processors', 'htp'],
  ]) {
    test(argv.join(' '), async () => {
      const daemon = await daemonOf(scenarios.lists!(record));
      const [bundled, remote] = await Promise.all([wiz('lists', argv), wiz('', argv, at(daemon.url))]);
      assert.deepEqual([remote.stdout, remote.code], [bundled.stdout, bundled.code]);
    });
  }

  test('exit codes, and bytes of a program', async () => {
    const daemon = await daemonOf(scenarios.program!(record));
    const { code, bytes, stderr } = await wiz('', ['exec', '--', 'sh'], at(daemon.url));
    assert.deepEqual([code, stderr], [7, 'no newline']);
    assert.deepEqual([...bytes], [0, 255, 13, 10, 128]);
  });

  test('errors with their places', async () => {
    const file = join(folder, 'audit.yaml');
    writeFileSync(file, 'name: audit\n');
    const daemon = await daemonOf(scenarios.refuses!(record));
    const [bundled, remote] = await Promise.all([
      wiz('refuses', ['run', file]),
      wiz('', ['run', file], at(daemon.url)),
    ]);
    assert.deepEqual([remote.stderr, remote.code], [bundled.stderr, 2]);
  });

  test('credentials are sent with every call, and none when there is none', async () => {
    const daemon = await daemonOf(scenarios.lists!(record));
    await wiz('', ['runs', 'list'], at(daemon.url, { WIZ_TOKEN: 'secret' }));
    await wiz('', ['runs', 'list'], at(daemon.url));
    assert.deepEqual(daemon.credentials, ['Bearer secret', null]);
  });
});

suite('what breaks', { concurrency: 2 }, () => {
  test('a run is watched on where it was: no gap, no repeat, and it is said', async () => {
    const scenario = oneByOne();
    const daemon = await daemonOf(scenario);
    const started = start('', ['run', 'audit', '--json'], at(daemon.url));
    for (const seq of [1, 2, 3]) {
      await started.says(`"seq":${seq},`);
      daemon.cut();
    }
    const { stdout, stderr, code } = await started.ended;
    assert.equal(code, 0);
    const seqs = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { seq: number }).seq);
    assert.deepEqual(seqs, [1, 2, 3, 4]);
    assert.deepEqual(scenario.asked, [0, 1, 2, 3]);
    const once = 'wiz: The connection to URL broke. Trying again.\nwiz: URL answers again.\n';
    assert.equal(stderr.replaceAll(daemon.url, 'URL'), once.repeat(3));
  });

  test('a run is watched on when the credential of the stream has ended, and another is shown', async () => {
    const daemon = await daemonOf(scenarios.expires!(record));
    const { stderr, code } = await wiz(
      '',
      ['run', 'audit', '--json'],
      at(daemon.url, { WIZ_TOKEN: 'secret' }),
    );
    assert.deepEqual([stderr, code], ['', 0]);
    assert.equal(daemon.credentials.length, 5);
  });

  test('a run is started once when the answer was lost', async () => {
    const ids: string[] = [];
    const succeeds = scenarios.succeeds!(record);
    const daemon: FakeDaemon = await daemonOf({
      runs: {
        ...succeeds.runs,
        async startRun(request, context) {
          ids.push(request.runId);
          if (ids.length === 1) {
            daemon.cut();
            await untilGone(context);
          }
          return { run: { runId: RUN_ID } };
        },
      },
    });
    const { code } = await wiz('', ['run', 'audit', '--detach'], at(daemon.url));
    assert.equal(code, 0);
    assert.equal(ids.length, 2);
    assert.equal(ids[0], ids[1]);
    assert.ok(Math.abs(timeOfId(ids[0]!)! - Date.now()) < 60_000);
  });

  test('what changes something is not called twice', async () => {
    const daemon: FakeDaemon = await daemonOf({
      pipelines: {
        async deletePipeline(_, context) {
          daemon.cut();
          await untilGone(context);
          return { versions: 1 };
        },
      },
    });
    const { stderr, code } = await wiz('', ['pipeline', 'delete', 'audit'], at(daemon.url));
    assert.deepEqual(
      [stderr, code],
      [`wiz: The connection to ${daemon.url} broke. Is it https://${new URL(daemon.url).host}?\n`, 3],
    );
    assert.deepEqual(daemon.calls, ['DeletePipeline']);
  });

  test('reads wait for a daemon that restarts', async () => {
    const daemon = await daemonOf(scenarios.lists!(record));
    await daemon.stop();
    const started = start('', ['runs', 'list'], at(daemon.url));
    await started.says('connection refused. Trying again.');
    await daemon.start();
    const { stdout, code } = await started.ended;
    assert.equal(code, 0);
    assert.match(stdout, /audit v2/);
  });

  test('the second Ctrl-C leaves the run to the daemon', async () => {
    const daemon = await daemonOf(scenarios.stubborn!(record));
    const { child, says, ended } = start('', ['run', 'audit'], at(daemon.url));
    await says('Running');
    child.kill('SIGINT');
    await says('Ctrl-C again leaves it to the daemon.');
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    assert.equal(code, 130);
    assert.match(stderr, new RegExp(`The run goes on without this terminal: wiz runs watch ${RUN_ID}`));
    assert.ok(daemon.calls.includes('CancelRun'));
  });
});

suite('what cannot be reached', { concurrency: 2 }, () => {
  async function told(url: string, argv = ['runs', 'list']): Promise<string> {
    const { stderr, code } = await wiz('', argv, at(url));
    assert.equal(code, 3, stderr);
    return stderr.trim().split('\n').at(-1)!;
  }

  async function listening(server: Server): Promise<number> {
    servers.add(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  test('nothing listens', async () => {
    const server = createTcpServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const said = await told(`http://127.0.0.1:${port}`);
    assert.match(said, /^wiz: Nothing answers at http:\S+: connection refused\. Is the daemon up\?/);
  });

  test('no such host', async () => {
    assert.match(
      await told('https://wiz.invalid'),
      /^wiz: (There is no host wiz\.invalid|The name wiz\.invalid cannot be looked up)/,
    );
  });

  test('a web server', async () => {
    const port = await listening(createServer((_, response) => response.writeHead(404).end('<html>')));
    const said = await told(`http://127.0.0.1:${port}`);
    assert.match(said, /^wiz: http:\/\/127\.0\.0\.1:\d+ does not speak HTTP\/2: it is no wiz daemon/);
  });

  test('a server of something else', async () => {
    const daemon = await daemonOf({}, { version: '' });
    assert.match(await told(daemon.url), /^wiz: What answers at http:\S+ is no wiz daemon \(/);
  });

  test('clear text where TLS was meant', async () => {
    const daemon = await daemonOf({});
    const said = await told(daemon.url.replace('http:', 'https:'));
    assert.match(said, /^wiz: 127\.0\.0\.1:\d+ does not speak TLS\. Is it http:\/\//);
  });

  test('TLS where clear text was meant', async () => {
    const { certificate: cert, key } = newCertificate('wiz');
    const daemon = await daemonOf({}, { tls: { cert, key } });
    const said = await told(daemon.url.replace('https:', 'http:'));
    assert.match(said, /^wiz: The connection to http:\S+ broke\. Is it https:/);
  });

  test('a certificate of an authority that is not known, and then is', async () => {
    const authority = newCertificate('authority');
    const { certificate: cert, key } = newCertificate('wiz', { issuer: authority });
    const daemon = await daemonOf(scenarios.lists!(record), { tls: { cert, key } });
    assert.match(
      await told(daemon.url),
      /^wiz: The certificate of \S+ is of an authority that is not known here\. .* --ca FILE/,
    );
  });

  test('a certificate for another name', async () => {
    const { certificate: cert, key } = newCertificate('wiz', { names: ['elsewhere'] });
    const daemon = await daemonOf({}, { tls: { cert, key } });
    const said = await wiz(
      '',
      ['runs', 'list'],
      at(daemon.url, { NODE_EXTRA_CA_CERTS: written('other.pem', cert) }),
    );
    assert.match(said.stderr, /^wiz: The certificate of \S+ is for another name\./);
  });

  test('a certificate that Node is told to trust', async () => {
    const { certificate: cert, key } = newCertificate('wiz');
    const daemon = await daemonOf(scenarios.lists!(record), { tls: { cert, key } });
    const environment = { NODE_EXTRA_CA_CERTS: written('trusted.pem', cert) };
    assert.equal((await wiz('', ['runs', 'list'], at(daemon.url, environment))).code, 0);
  });

  test('another version is warned of, and works', async () => {
    const daemon = await daemonOf(scenarios.lists!(record), { version: '99.1.0' });
    const { stderr, code } = await wiz('', ['runs', 'list'], at(daemon.url));
    assert.match(
      stderr,
      /^wiz: http:\S+ has version 99\.1\.0, this command line \S+: something may be missing/,
    );
    assert.equal(code, 0);
  });

  test('an executor of the command line is not for a daemon', async () => {
    const daemon = await daemonOf({});
    const argv = ['run', 'audit', '--executor', 'unix:/x'];
    const { stderr, code } = await wiz('', argv, at(daemon.url, { WIZ_EXECUTOR_TOKEN: 't' }));
    assert.equal(code, 2);
    assert.match(stderr, /--executor is for the bundled manager, and WIZ_MANAGER names the daemon at/);
  });
});

suite('completion', () => {
  test('does not wait for a daemon, and remembers what it said', async () => {
    let slow = false;
    const daemon = await daemonOf({
      pipelines: {
        async listPipelines(_, context) {
          if (slow) await untilGone(context);
          return { pipelines: [{ name: 'audit', description: 'Groups.' }] };
        },
      },
    });
    const complete = () => wiz('', ['complete', 'pipelines'], at(daemon.url));
    let first = await complete();
    // On a busy machine it is late at first.
    while (first.stdout === '') first = await complete();
    assert.equal(first.stdout, 'audit\tGroups.\n');
    slow = true;
    assert.equal((await complete()).stdout, first.stdout);
    await daemon.stop();
    const gone = await complete();
    assert.deepEqual([gone.stdout, gone.stderr, gone.code], [first.stdout, '', 0]);
  });
});

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
