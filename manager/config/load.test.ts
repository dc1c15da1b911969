import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import type { WizError } from '../../proto/error.ts';
import { effectiveSettings } from './effective.ts';
import type { ConfigSources } from './layers.ts';
import { loadConfig } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'wiz-config-'));
after(() => rmSync(folder, { recursive: true }));

/** No file of this machine is found. */
const QUIET = { WIZ_HOME: join(folder, 'home'), XDG_CONFIG_HOME: join(folder, 'none') };

function load(text: string | undefined, sources: Partial<ConfigSources> = {}) {
  const file = join(folder, 'wiz.yaml');
  if (text !== undefined) writeFileSync(file, text);
  const environment = { ...QUIET, ...sources.environment };
  const named = text === undefined ? {} : { file };
  return loadConfig({ folder: '/work', ...named, ...sources, environment });
}

/** What is wrong, one line for each, with the file's folder left out. */
function complaints(text: string | undefined, sources: Partial<ConfigSources> = {}): string[] {
  try {
    load(text, sources);
  } catch (error) {
    const { diagnostics, message } = error as WizError;
    if (diagnostics.length === 0) return [message.replaceAll(`${folder}/`, '')];
    return diagnostics.map(({ file, line, column, message, hint }) => {
      const place = [file.replace(`${folder}/`, ''), ...(line ? [line, column] : [])]
        .filter(Boolean)
        .join(':');
      return `${place}: ${message.replaceAll(`${folder}/`, '')}. ${hint}`.trim();
    });
  }
  return [];
}

suite('which value holds', () => {
  test('without anything there are defaults', () => {
    const { config, file, origins } = load(undefined);
    assert.equal(file, undefined);
    assert.equal(origins.size, 1);
    assert.deepEqual(config.listen, { host: '127.0.0.1', port: 7433 });
    assert.equal(config.store, `sqlite:${folder}/home/wiz.db`);
    assert.equal(config.files, `folder:${folder}/home/files`);
    assert.deepEqual(config.roles, ['api', 'runs']);
    assert.deepEqual(config.localExecutors, { slots: undefined });
    assert.equal(config.tls, undefined);
  });

  test('the environment wins over the file, a flag over both', () => {
    const text = 'listen: 127.0.0.1:1\nslots: 1\nmaxRunning: 1\n';
    const environment = { WIZ_SLOTS: '2', WIZ_MAX_RUNNING: '2' };
    const flags = [{ path: 'maxRunning', value: '3', flag: '--set maxRunning' }];
    const loaded = load(text, { environment, flags });
    assert.equal(loaded.config.listen.port, 1);
    assert.equal(loaded.config.localExecutors?.slots, 2);
    assert.equal(loaded.config.maxRunning, 3);
    const from = new Map(effectiveSettings(loaded).map((setting) => [setting.path, setting.from]));
    assert.equal(from.get('listen'), `${folder}/wiz.yaml:1:9`);
    assert.equal(from.get('slots'), '$WIZ_SLOTS');
    assert.equal(from.get('maxRunning'), '--set maxRunning');
    assert.equal(from.get('log.level'), 'default');
  });

  test('one key of a map can be set without the others', () => {
    const { config } = load('tls: { certificate: a.pem, key: b.pem }\n', {
      environment: { WIZ_TLS_KEY: 'c.pem' },
    });
    assert.deepEqual(config.tls, { certificate: `${folder}/a.pem`, key: '/work/c.pem' });
  });

  test('an empty variable sets nothing', () => {
    assert.equal(load('slots: 7\n', { environment: { WIZ_SLOTS: '' } }).config.localExecutors?.slots, 7);
  });

  test('texts of the environment become what the setting takes', () => {
    const { config } = load(undefined, {
      environment: {
        WIZ_ROLES: 'api, runs',
        WIZ_BEHIND_PROXY: 'yes',
        WIZ_LOCAL_EXECUTORS: '0',
        WIZ_LISTEN: '[::1]:80',
      },
    });
    assert.deepEqual(config.roles, ['api', 'runs']);
    assert.equal(config.behindProxy, true);
    assert.equal(config.localExecutors, undefined);
    assert.deepEqual(config.listen, { host: '::1', port: 80 });
  });

  test('relative paths are relative to the file, or to the working folder', () => {
    const { config } = load('store: sqlite:state/wiz.db\nhome: state\n', {
      environment: { WIZ_FILE_STORE: 'folder:files', WIZ_HOME: '' },
    });
    assert.equal(config.store, `sqlite:${folder}/state/wiz.db`);
    assert.equal(config.home, `${folder}/state`);
    assert.equal(config.files, 'folder:/work/files');
  });

  test('the file is looked for in the places of the documentation', () => {
    const places = [join(folder, 'home'), join(folder, 'config', 'wiz')];
    for (const [i, place] of places.entries()) {
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, 'wiz.yaml'), `maxRunning: ${i + 1}\n`);
    }
    const environment: NodeJS.ProcessEnv = { WIZ_HOME: places[0], XDG_CONFIG_HOME: join(folder, 'config') };
    assert.equal(load(undefined, { environment }).config.maxRunning, 1);
    rmSync(join(places[0]!, 'wiz.yaml'));
    assert.equal(load(undefined, { environment }).config.maxRunning, 2);
    writeFileSync(join(folder, 'named.yaml'), 'maxRunning: 9\n');
    environment.WIZ_CONFIG = join(folder, 'named.yaml');
    assert.equal(load(undefined, { environment }).config.maxRunning, 9);
    rmSync(join(places[1]!, 'wiz.yaml'));
  });
});

suite('references', () => {
  test('variables and files are put in, and never shown', () => {
    writeFileSync(join(folder, 'password'), 'hunter2\n');
    const text = [
      'store: postgres://${USER_NAME}:${file:password}@db/wiz',
      'files: folder:${PLACE:-files}',
      'tls: { certificate: a, key: "/a$${b}" }',
      '',
    ].join('\n');
    const loaded = load(text, { environment: { USER_NAME: 'wiz' } });
    assert.equal(loaded.config.store, 'postgres://wiz:hunter2@db/wiz');
    assert.equal(loaded.config.files, `folder:${folder}/files`);
    assert.equal(loaded.config.tls?.key, '/a${b}');
    assert.deepEqual(loaded.secretVariables, ['USER_NAME', 'PLACE']);
    const shown = JSON.stringify(effectiveSettings(loaded));
    assert.ok(!shown.includes('hunter2'));
    assert.ok(shown.includes('postgres://${USER_NAME}:${file:password}@db/wiz'));
  });

  test('a password in the environment is masked, and its variable is not passed on', () => {
    const loaded = load(undefined, { environment: { WIZ_STORE: 'postgres://wiz:p@ss@db/wiz?x=1' } });
    const store = effectiveSettings(loaded).find(({ path }) => path === 'store');
    assert.deepEqual(store, { path: 'store', value: 'postgres://wiz:***@db/wiz?x=1', from: '$WIZ_STORE' });
    assert.deepEqual(loaded.secretVariables, ['WIZ_STORE']);
  });

  test('what cannot be resolved is told with its place', () => {
    const text = 'store: postgres://${MISSING}@db/wiz\nfiles: folder:${file:gone}\nhome: a${b-c}\n';
    assert.deepEqual(complaints(text), [
      'wiz.yaml:1:8: the environment has no MISSING, in "store". Set it, or write ${MISSING:-otherwise}; $${MISSING} is the text itself.',
      'wiz.yaml:2:8: the file gone of "${file:gone}" cannot be read (ENOENT), in "files". Relative paths are relative to wiz.yaml.',
      'wiz.yaml:3:7: "${" opens no reference, in "home". Write ${NAME}, ${NAME:-otherwise} or ${file:PATH}; $${ for the text itself.',
    ]);
  });

  test('an error does not show what a reference stood for', () => {
    assert.deepEqual(complaints('log: { level: "${LEVEL}" }\n', { environment: { LEVEL: 'hunter2' } }), [
      'wiz.yaml:1:15: "log.level" must be one of debug, info, warn, error, not "${LEVEL}".',
    ]);
  });
});

suite('what is wrong', () => {
  const cases: [name: string, text: string, lines: string[]][] = [
    ['an unknown key', 'listn: x\n', ['wiz.yaml:1:1: unknown key "listn". Did you mean "listen"?']],
    [
      'an unknown key of a section',
      'slots: 1\nretention:\n  keep_runs: 3\n',
      ['wiz.yaml:3:3: unknown key "keep_runs" in "retention". Did you mean "keepRuns"?'],
    ],
    [
      'a key that resembles none',
      'tls: { certificate: a, key: b, zzz: c }\n',
      ['wiz.yaml:1:32: unknown key "zzz" in "tls". Known keys: certificate, key, clientAuthority.'],
    ],
    ['a missing key', 'tls: { key: b }\n', ['wiz.yaml:1:1: "tls" has no "certificate". Add "certificate:".']],
    [
      'no address',
      'listen: "7433"\n',
      ['wiz.yaml:1:9: "listen" must be HOST:PORT, for example 127.0.0.1:7433 or [::]:7433, not "7433".'],
    ],
    [
      'no port',
      'listen: h:65536\n',
      ['wiz.yaml:1:9: "listen" must be HOST:PORT with a port of at most 65535.'],
    ],
    ['no number', 'slots: many\n', ['wiz.yaml:1:8: "slots" must be a whole number from 1 on, not "many".']],
    ['no choice', 'roles: [api, run]\n', ['wiz.yaml:1:14: "roles[1]" must be one of api, runs, not "run".']],
    ['an empty list', 'roles: []\n', ['wiz.yaml:1:8: "roles" must be at least 1 items long, not a list.']],
    [
      'an empty value',
      'files:\n',
      ['wiz.yaml:1:1: "files" must be text, but it is empty. Give it a value, or remove it.'],
    ],
    [
      'a key twice',
      'slots: 1\nslots: 2\n',
      ['wiz.yaml:2:1: duplicate key "slots"; the first is at line 1, column 1. Remove or rename one.'],
    ],
    ['a list', '- a\n', ['wiz.yaml:1:1: wiz.yaml must be a map of settings, not a list.']],
    [
      'two documents',
      'slots: 1\n---\nslots: 2\n',
      ['wiz.yaml:2:1: there is a second document. wiz.yaml is one document: remove the ---.'],
    ],
    [
      'a tab',
      'tls:\n\tkey: a\n',
      ['wiz.yaml:2:1: there is a tab in the indentation. YAML indents with spaces only.'],
    ],
    [
      'two errors in the order of the file',
      'slots: 0\nfils: a\n',
      [
        'wiz.yaml:1:8: "slots" must be a whole number from 1 on, not the number 0.',
        'wiz.yaml:2:1: unknown key "fils". Did you mean "files"?',
      ],
    ],
  ];
  for (const [name, text, lines] of cases) {
    test(name, () => assert.deepEqual(complaints(text), lines));
  }

  test('an empty file is fine', () => {
    assert.deepEqual(complaints(''), []);
    assert.deepEqual(complaints('# nothing yet\n'), []);
  });

  test('a file that is named must be there', () => {
    assert.deepEqual(complaints(undefined, { file: join(folder, 'gone.yaml') }), [
      'The configuration file gone.yaml is not there.',
    ]);
  });

  test('an issuer in clear text that is not on this machine', () => {
    const of = (issuer: string) => complaints(`auth: { oidc: { issuer: "${issuer}", clientId: wiz } }\n`);
    for (const host of ['localhost', '127.0.0.1:8080', '127.8.8.8', '[::1]:1']) {
      assert.deepEqual(of(`http://${host}`), [], host);
    }
    const others = ['localhost.evil.com', 'localhosts', '127.evil.com', '127.0.0.1.evil.com', '[::1:2]'];
    for (const host of others) assert.match(of(`http://${host}`).join(), /must be the https address/, host);
  });

  test('variables and flags are named', () => {
    const environment = { WIZ_SLOTS: 'x', WIZ_TLS_CERT: '/a.pem' };
    const flags = [
      { path: 'roles', value: ['run'], flag: '--role' },
      { path: 'retention.keepDay', value: '3', flag: '--set retention.keepDay' },
    ];
    assert.deepEqual(complaints('slots: 3\n', { environment, flags }).toSorted(), [
      '--role: "roles[0]" must be one of api, runs, not "run".',
      '--set retention.keepDay: there is no setting "retention.keepDay". Did you mean "retention.keepDays"?',
      'WIZ_SLOTS: "slots" must be a whole number from 1 on, not "x".',
      'WIZ_TLS_CERT: "tls" has no "key". Add "key:".',
    ]);
  });
});
