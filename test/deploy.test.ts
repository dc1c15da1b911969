/** deploy/: as far as it can be checked without a container engine and an init system. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parse } from 'yaml';
import { startDaemon } from './daemon.ts';
import { newPlace, type Place, started } from './e2e/place.ts';

const root = join(import.meta.dirname, '..');
const deploy = (name: string) => readFileSync(join(root, 'deploy', name), 'utf8');

let place: Place;
before(() => {
  place = newPlace();
});
after(() => place.leave());

test('systemd accepts the unit', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-unit-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const unit = join(folder, 'wiz.service');
  // wiz is not installed here.
  writeFileSync(unit, deploy('wiz.service').replaceAll('/usr/bin/wiz', '/bin/true'));
  const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
  if (error) return t.diagnostic('no systemd-analyze here');
  assert.deepEqual([status, stderr], [0, '']);
});

test('what the Dockerfile copies is there, and what it starts is a command', () => {
  const text = deploy('Dockerfile');
  const copied = [...text.matchAll(/^COPY (?!--|\. )(\S+)/gm)].map(([, path]) => path!);
  assert.deepEqual(copied, ['deploy/healthcheck.mjs']);
  for (const path of copied) assert.ok(existsSync(join(root, path)), path);
  const { engines, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const images = [...text.matchAll(/^FROM node:(\d+)/gm)].map(([, major]) => `>=${major}`);
  assert.deepEqual(images, [engines.node, engines.node]);
  assert.ok(bin.wiz);
  assert.match(text, /^USER wiz$/m);
  assert.match(text, /^CMD \["manager", "serve"\]$/m);
});

suite('docker compose', () => {
  interface Service {
    command?: string[];
    secrets?: string[];
    volumes?: string[];
    depends_on?: Record<string, unknown> | string[];
    build?: { context: string; dockerfile: string };
  }
  const compose = parse(deploy('docker-compose.yaml'), { merge: true }) as {
    services: Record<string, Service>;
    secrets: Record<string, { file: string }>;
    volumes: Record<string, unknown>;
  };

  test('every name that a service uses is declared, and every file is there', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      for (const secret of service.secrets ?? []) assert.ok(compose.secrets[secret], `${name}: ${secret}`);
      const needed = service.depends_on ?? [];
      for (const other of Array.isArray(needed) ? needed : Object.keys(needed)) {
        assert.ok(compose.services[other], `${name}: ${other}`);
      }
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.')) assert.ok(existsSync(join(root, 'deploy', source)), volume);
        else assert.ok(source in compose.volumes, volume);
      }
      if (service.build) {
        const { context, dockerfile } = service.build;
        assert.ok(existsSync(join(root, 'deploy', context, dockerfile)), dockerfile);
      }
    }
  });

  test('commands and their flags exist', async () => {
    for (const { command, build } of Object.values(compose.services)) {
      if (!command || command.length < 2) continue;
      const words = command.slice(
        0,
        command.findIndex((word) => word.startsWith('-')),
      );
      const help = await place.out([...words, '--help']);
      for (const flag of command.filter((word) => word.startsWith('--')))
        assert.match(help, new RegExp(flag));
      assert.ok(build || words[0] === 'executor');
    }
  });

  test('its wiz.yaml is a configuration', async () => {
    const secrets = ['postgres-password', 'wiz-bootstrap'].map((name) =>
      place.write(name, `${'s'.repeat(40)}\n`),
    );
    const text = deploy('compose/wiz.yaml').replaceAll('/run/secrets', dirname(secrets[0]!));
    const { settings } = await place.json(['config', 'show', '--config', place.write('compose.yaml', text)]);
    const store = settings.find(({ path }: { path: string }) => path === 'store');
    assert.match(store.value, /^postgres:\/\/wiz:\$\{file:.*\}@postgres\/wiz$/);
  });
});

test('the health check of the image: 0 while the daemon is ready, 1 when it is gone', async () => {
  const check = () => {
    const script = join(root, 'deploy/healthcheck.mjs');
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [script], { env: { WIZ_HOME: place.home }, stdio: 'ignore' });
      child.on('close', resolve);
    });
  };
  const daemon = await startDaemon(place);
  assert.equal(await check(), 0);
  await daemon.stop();
  assert.equal(await check(), 1);
});

test('the package that npm would publish serves a daemon', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-package-'));
  t.after(() => rmSync(folder, { recursive: true }));
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    stdio: 'pipe',
  });
  const { name, version, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const modules = join(folder, 'node_modules');
  const installed = join(modules, name);
  mkdirSync(installed, { recursive: true });
  const tarball = join(folder, `${name}-${version}.tgz`);
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  // What npm would install beside it, and nothing else.
  for (const dependency of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, dependency)), { recursive: true });
    symlinkSync(join(root, 'node_modules', dependency), join(modules, dependency));
  }
  const child = spawn(
    process.execPath,
    [join(installed, 'cli/bin/wiz.js'), 'manager', 'serve', '--port', '0'],
    {
      env: place.environment,
      cwd: place.folder,
    },
  );
  const daemon = started(child, 'wiz manager serve');
  await daemon.says(/serving at http/);
  const out = await place.out(['exec', '--manager', 'local', '--', 'echo', 'from the package']);
  assert.equal(out, 'from the package\n');
  child.kill('SIGTERM');
  assert.equal((await daemon.ended).code, 0);
});
