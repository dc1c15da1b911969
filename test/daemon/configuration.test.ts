/** wiz.yaml, environment and flags, as the built wiz takes them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startDaemon } from '../daemon.ts';
import { newPlace, type Place } from '../e2e/place.ts';

let place: Place;
before(() => {
  place = newPlace();
});
after(() => place.leave());

test('the later wins, and it is told where each value came from', async () => {
  const config = place.write('wiz.yaml', 'listen: 127.0.0.1:1\nslots: 3\nmaxRunning: 4\n');
  const env = { WIZ_MAX_RUNNING: '5', WIZ_KEEP_DAYS: '6', WIZ_CONFIG: config };
  const { file, settings } = await place.json(['config', 'show', '--listen', '127.0.0.1:2'], { env });
  assert.equal(file, config);
  const shown = Object.fromEntries(
    settings.map(({ path, value, from }: { path: string; value: unknown; from: string }) => [
      path,
      [value, from],
    ]),
  );
  assert.deepEqual(shown.listen, ['127.0.0.1:2', '--listen']);
  assert.deepEqual(shown.slots, [3, `${config}:2:8`]);
  assert.deepEqual(shown.maxRunning, [5, '$WIZ_MAX_RUNNING']);
  assert.deepEqual(shown['retention.keepDays'], [6, '$WIZ_KEEP_DAYS']);
  assert.deepEqual(shown.behindProxy, [false, 'default']);
});

test('a wrong key ends the daemon at its start: exit 2, its place, and the nearest right one', async () => {
  const config = place.write('wrong.yaml', 'retention:\n  keepday: 3\n');
  const { code, stderr } = await place.run(['manager', 'serve', '--config', config]);
  assert.equal(code, 2);
  assert.equal(stderr, `${config}:2:3: unknown key "keepday" in "retention"\n  Did you mean "keepDays"?\n`);
});

test('secrets are not shown, and programs do not get their variables', async () => {
  const config = place.write('secret.yaml', 'auth: { bootstrapToken: "${TOKEN_OF_TEST}" }\n');
  const token = 'a-token-that-nobody-may-see-anywhere';
  const env = { TOKEN_OF_TEST: token, WIZ_BOOTSTRAP_TOKEN: undefined, LEFT: 'as it is' };
  const shown = await place.run(['config', 'show', '--config', config, '--json'], { env });
  assert.equal(shown.code, 0);
  assert.ok(!shown.stdout.includes(token));
  const daemon = await startDaemon(place, { args: ['--config', config], env });
  const client = { WIZ_MANAGER: daemon.url, WIZ_TOKEN: token };
  const printed = await place.out(['exec', '--', 'sh', '-c', 'echo "[$TOKEN_OF_TEST] $LEFT"'], {
    env: client,
  });
  assert.equal(printed, '[] as it is\n');
  await daemon.stop();
});

test('a daemon needs no file, and one in the state folder is found', async () => {
  place.write('home/wiz.yaml', 'listen: 127.0.0.1:0\nlog: { level: warn }\n');
  const { file, settings } = await place.json(['config', 'show']);
  assert.equal(file, join(place.home, 'wiz.yaml'));
  assert.equal(settings.find(({ path }: { path: string }) => path === 'log.level').value, 'warn');
});

test('the schema for editors takes the example of the documentation', async () => {
  const { default: Ajv } = await import('ajv/dist/2020.js');
  const { parse } = await import('yaml');
  const schema = JSON.parse(await place.out(['schema', 'config']));
  const validate = new Ajv.default({ strict: false, formats: { uri: true } }).compile(schema);
  const page = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  assert.ok(validate(parse(example)), JSON.stringify(validate.errors));
  assert.equal(validate({ listn: 'x' }), false);
});
