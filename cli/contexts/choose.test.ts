import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, suite, test } from 'node:test';
import { UsageError } from '../usage.ts';
import { type Chosen, choosePlace } from './choose.ts';
import { type Contexts, changeContexts, contextsPath, ownContext, readContexts } from './file.ts';

const folder = mkdtempSync(join(tmpdir(), 'wiz-contexts-'));
after(() => rmSync(folder, { recursive: true }));

const CONTEXTS: Contexts = {
  current: 'staging',
  contexts: {
    staging: { url: 'https://staging.example.com', credential: { kind: 'token', token: 'of-staging' } },
    production: {
      url: 'https://wiz.example.com:7433',
      ca: 'PEM',
      credential: { kind: 'token', token: 'of-production' },
    },
  },
};

let made = 0;
function environmentWith(contexts?: Contexts | string): NodeJS.ProcessEnv {
  const place = join(folder, String(made++));
  const environment = { XDG_CONFIG_HOME: place, WIZ_HOME: join(place, 'home') };
  if (contexts === undefined) return environment;
  mkdirSync(dirname(contextsPath(environment)), { recursive: true });
  writeFileSync(
    contextsPath(environment),
    typeof contexts === 'string' ? contexts : JSON.stringify(contexts),
  );
  return environment;
}

/** `name url credential from` */
function chosen(
  flags: Chosen,
  more: NodeJS.ProcessEnv = {},
  contexts: Contexts | undefined = CONTEXTS,
): string {
  const place = choosePlace(flags, { ...environmentWith(contexts), ...more });
  if (place.kind === 'bundled') return `bundled ${place.from}`;
  const { name, url, credential, from } = place;
  return [name || '-', url, credential?.kind === 'token' ? credential.token : '-', from].join(' ');
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof UsageError) return `${error.message}. ${error.hint}`.trim();
    throw error;
  }
  return 'nothing was wrong';
}

suite('the manager of a command', () => {
  test('is the bundled one when nothing names another', () => {
    assert.equal(chosen({}, {}, { contexts: {} }), 'bundled default');
    assert.equal(choosePlace({}, environmentWith()).kind, 'bundled');
  });

  test('is the chosen context, before it what WIZ_MANAGER says, before that a flag', () => {
    assert.equal(chosen({}), 'staging https://staging.example.com of-staging context');
    const environment = { WIZ_MANAGER: 'production' };
    assert.equal(
      chosen({}, environment),
      'production https://wiz.example.com:7433 of-production WIZ_MANAGER',
    );
    assert.equal(
      chosen({ context: 'staging' }, environment),
      'staging https://staging.example.com of-staging --context',
    );
    assert.equal(chosen({ manager: 'bundled' }, environment), 'bundled --manager');
    assert.equal(chosen({}, { WIZ_MANAGER: 'bundled' }), 'bundled WIZ_MANAGER');
  });

  test('by its URL has what its context has', () => {
    const url = 'https://wiz.example.com:7433/';
    assert.equal(chosen({ manager: url }), 'production https://wiz.example.com:7433 of-production --manager');
    assert.equal(chosen({ manager: 'https://other.example.com' }), '- https://other.example.com - --manager');
  });

  test('is shown WIZ_TOKEN, but not when a flag names a context', () => {
    const environment = { WIZ_TOKEN: 'mine' };
    assert.equal(chosen({}, environment), 'staging https://staging.example.com mine context');
    assert.equal(
      chosen({}, { ...environment, WIZ_MANAGER: 'https://a.example.com' }),
      '- https://a.example.com mine WIZ_MANAGER',
    );
    assert.equal(
      chosen({ context: 'production' }, environment),
      'production https://wiz.example.com:7433 of-production --context',
    );
  });

  test('may be the daemon of this user on the state folder', () => {
    const environment = environmentWith();
    mkdirSync(environment.WIZ_HOME!, { recursive: true });
    const write = (pid: number) =>
      writeFileSync(
        join(environment.WIZ_HOME!, 'daemon.json'),
        JSON.stringify({ url: 'http://127.0.0.1:7433', token: 'secret', pid, managerId: 'm' }),
      );
    write(process.pid);
    const place = choosePlace({ context: 'local' }, environment);
    assert.deepEqual(place.kind === 'remote' && [place.url, place.credential], [
      'http://127.0.0.1:7433',
      { kind: 'token', token: 'secret' },
    ]);
    // No process has the largest id.
    write(2 ** 22 + 1);
    assert.match(
      refusal(() => choosePlace({ context: 'local' }, environment)),
      /^no daemon of yours runs/,
    );
  });

  test('is not spoken to in clear text elsewhere, unless told so', () => {
    for (const host of ['wiz.example.com', 'localhost.example.com', '127.0.0.1.example.com']) {
      assert.match(
        refusal(() => chosen({ manager: `http://${host}` })),
        new RegExp(`^http://${host} is clear text`),
      );
    }
    for (const host of ['localhost:1', '127.0.0.1:1', '127.8.8.8:1', '[::1]:1']) {
      assert.equal(chosen({ manager: `http://${host}` }), `- http://${host} - --manager`);
    }
    const environment = { WIZ_INSECURE: '1' };
    assert.equal(
      chosen({ manager: 'http://wiz.example.com' }, environment),
      '- http://wiz.example.com - --manager',
    );
    const contexts = { contexts: { mesh: { url: 'http://wiz.mesh', insecure: true } } };
    assert.equal(chosen({ context: 'mesh' }, {}, contexts), 'mesh http://wiz.mesh - --context');
  });

  test('that there is not is told, with the nearest', () => {
    assert.equal(
      refusal(() => chosen({ context: 'stagin' })),
      'there is no context "stagin". Did you mean staging?',
    );
    assert.equal(
      refusal(() => chosen({ context: 'x' })),
      'there is no context "x". `wiz context list` shows what there is; `wiz login URL` adds one.',
    );
    assert.equal(
      refusal(() => chosen({ manager: 'https://a/b' })),
      '--manager: "https://a/b" holds more than scheme, host and port. For example https://wiz.example.com:7433',
    );
    assert.equal(
      refusal(() => chosen({ manager: 'https://a', context: 'b' })),
      '--context and --manager both name a manager. Give one.',
    );
  });
});

suite('the file of contexts', () => {
  test('is for its owner alone, and changed whole', async () => {
    const environment = environmentWith();
    assert.deepEqual(readContexts(environment), { contexts: {} });
    await changeContexts(environment, () => CONTEXTS);
    assert.deepEqual(readContexts(environment), CONTEXTS);
    assert.equal(statSync(contextsPath(environment)).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(contextsPath(environment))).mode & 0o777, 0o700);
  });

  test('is changed by one after the other', async () => {
    const environment = environmentWith({ contexts: {} });
    const names = Array.from({ length: 20 }, (_, i) => `c${i}`);
    await Promise.all(
      names.map((name) =>
        changeContexts(environment, async ({ contexts }) => {
          await new Promise((resolve) => setImmediate(resolve));
          return { contexts: { ...contexts, [name]: { url: 'https://x' } } };
        }),
      ),
    );
    assert.deepEqual(Object.keys(readContexts(environment).contexts).sort(), names.sort());
  });

  test('stays as it was when a change fails', async () => {
    const environment = environmentWith(CONTEXTS);
    const before = readFileSync(contextsPath(environment), 'utf8');
    await assert.rejects(
      changeContexts(environment, () => {
        throw new Error('no');
      }),
    );
    assert.equal(readFileSync(contextsPath(environment), 'utf8'), before);
    await changeContexts(environment, (contexts) => contexts);
  });

  test('has no context under a name that every object has', () => {
    assert.equal(ownContext(CONTEXTS.contexts, 'constructor'), undefined);
    assert.equal(ownContext(CONTEXTS.contexts, 'staging'), CONTEXTS.contexts.staging);
  });

  test('that is damaged is told', () => {
    for (const text of ['{', '[]', '{"contexts":{"a":{}}}', 'null']) {
      assert.match(
        refusal(() => readContexts(environmentWith(text))),
        /is damaged\. Remove it/,
      );
    }
  });
});
