/** Secrets: found where the work is done, and nowhere afterwards. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

const TOKEN = "tok3n/'q'+Zahl€{x}-0451";
const KEY = [
  '-----BEGIN PRIVATE KEY-----',
  'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC',
  'BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj',
  '-----END PRIVATE KEY-----',
  '',
].join('\n');
const PASSWORD = 'pw-4711-from-a-command';

const env = { MY_TOKEN: TOKEN };

/** What is in the state folder, by path: files as they are, and each cell of each table of the database. */
function* kept(): Iterable<[string, Buffer]> {
  for (const file of globSync('**/*', { cwd: place.home, withFileTypes: true })) {
    if (file.isFile())
      yield [join(file.parentPath, file.name), readFileSync(join(file.parentPath, file.name))];
  }
  const database = new DatabaseSync(join(place.home, 'wiz.db'), { readOnly: true });
  try {
    const tables = database.prepare("select name from sqlite_schema where type = 'table'").all();
    for (const { name } of tables) {
      for (const row of database.prepare(`select * from "${name}"`).iterate()) {
        for (const cell of Object.values(row)) {
          if (typeof cell === 'string') yield [`table ${name}`, Buffer.from(cell)];
          else if (cell instanceof Uint8Array) yield [`table ${name}`, Buffer.from(cell)];
        }
      }
    }
  } finally {
    database.close();
  }
}

/** Parts of values that nothing else has, and that are whole within their base64 and URL forms. */
const TELLTALES = ['tok3n/', "'q'+Zahl", '{x}-0451', 'EvQIBADANBgkqhk', 'cwggSjAgEAAoIBAQ', '4711-from-a'];

/** Where a value shows, plain or in base64, hexadecimal or an address. */
function shown(what: string, bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  const decoded = [...text.matchAll(/[A-Za-z0-9+/_-]{12,}/g)].flatMap(([word]) =>
    [0, 1, 2, 3].map((from) => Buffer.from(word.slice(from), 'base64').toString('latin1')),
  );
  const hexadecimal = [...text.matchAll(/[0-9a-fA-F]{16,}/g)].map(([word]) =>
    Buffer.from(word, 'hex').toString('latin1'),
  );
  const address = text.replace(/%([0-9a-fA-F]{2})/g, (_, code) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  const escaped = text.replace(/\\u([0-9a-f]{4})/g, (_, code) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return TELLTALES.flatMap((telltale) => {
    const at = [text, address, escaped, ...decoded, ...hexadecimal].find((each) => each.includes(telltale));
    return at === undefined
      ? []
      : [`${what}: ${telltale} in ${at.slice(Math.max(0, at.indexOf(telltale) - 60)).slice(0, 160)}`];
  });
}

function assertNowhere(told: Record<string, string> = {}): void {
  const found = [
    ...Object.entries(told).flatMap(([what, text]) => shown(what, Buffer.from(text))),
    ...[...kept()].flatMap(([what, bytes]) => shown(what, bytes)),
  ];
  assert.deepEqual(found, []);
}

test('the check finds what it looks for', () => {
  const hidden = `x${TOKEN}y`;
  for (const spelled of [
    hidden,
    Buffer.from(hidden).toString('base64'),
    Buffer.from(`a${hidden}`).toString('base64'),
    Buffer.from(hidden).toString('hex'),
    encodeURIComponent(hidden),
    KEY,
    PASSWORD,
  ]) {
    assert.notDeepEqual(shown('', Buffer.from(`... ${spelled} ...`)), [], spelled);
  }
});

test('values reach programs and processors, and appear nowhere else', async () => {
  place.write('key.pem', KEY);
  place.write('tell.sh', `echo '${PASSWORD}'\n`);
  place.write(
    'secret.yaml',
    `name: secret
secrets:
  TOKEN: { env: MY_TOKEN }
  KEY: { file: key.pem }
  PASSWORD: { command: [sh, tell.sh] }
processors:
  variables:
    secrets: [TOKEN, KEY]
    run: |
      printf %s "$TOKEN" | sha256sum > seen-token; printf %s "$KEY" | sha256sum > seen-key
      echo "both $TOKEN $TOKEN and $KEY"; echo "$KEY" >&2; echo "\${PASSWORD-unset}"
  encoded:
    secrets: [TOKEN]
    run: |
      for before in "" x xx; do printf %s%s "$before" "$TOKEN" | base64; done
      printf 'a longer text before %s and after it' "$TOKEN" | base64 -w 20
      printf %s "$TOKEN" | od -An -tx1 | tr -d ' \\n'; printf %s "$TOKEN" | jq -sRr @uri; printf %s "$TOKEN" | jq -sR .
  split:
    secrets: TOKEN
    program:
      - node
      - -e
      - |
        const { writeSync } = require('fs');
        for (const byte of Buffer.from('<' + process.env.TOKEN + '>')) {
          writeSync(1, Buffer.of(byte));
          writeSync(2, Buffer.of(byte));
        }
  argument: { program: [sh, -c, 'printf %s "$1" | sha256sum > seen-argument; echo "$1 $2"', x, "\${{ secrets.PASSWORD }}", "a \${{ secrets.TOKEN }} b"] }
  script:
    env: { HEADER: "Bearer \${{ secrets.PASSWORD }}" }
    run: 'printf %s \${{ secrets.TOKEN }} | sha256sum > seen-script; echo "$HEADER" \${{ secrets.TOKEN }} "\${{ secrets.TOKEN }}"'
  written:
    secrets: TOKEN
    run: |
      jq -n '{token: env.TOKEN, (env.TOKEN): [env.TOKEN]}' > "$WIZ_OUTPUT"
      echo "LEAK=$TOKEN" > "$WIZ_CONTEXT"; echo "0.5 at $TOKEN" > "$WIZ_PROGRESS"
  large: { secrets: TOKEN, run: 'seq 60000; echo "$TOKEN"; seq 60000' }
  typed: { secrets: TOKEN, run: 'printf "%s\\n%s\\n" "$TOKEN" next', data: lines }
  downstream:
    needs: [variables, encoded, written, large, typed]
    run: 'echo "$LEAK"; cat "$WIZ_INPUT"; echo "\${{ outputs.written.token }}"'
  each: { each: [1, 2, "\${{ index }}x"], cache: true, run: 'echo \${{ secrets.TOKEN }} \${{ item }}' }
  failing: { secrets: TOKEN, onFailure: warn, run: 'echo "no $TOKEN" >&2; exit 3' }
  missing: { onFailure: warn, program: ["/no/\${{ secrets.TOKEN }}"] }
  requested:
    onFailure: warn
    uses: http
    with: { url: "http://127.0.0.1:9/\${{ secrets.TOKEN }}?q=\${{ secrets.PASSWORD }}", headers: { authorization: "Bearer \${{ secrets.PASSWORD }}" } }
  computed: { onFailure: warn, uses: json, with: { expression: "'\${{ secrets.PASSWORD }}' & $error('\${{ secrets.PASSWORD }}')" } }
`.replace('each: [1, 2, "${{ index }}x"]', 'each: [1, 2]'),
  );
  const told: Record<string, string> = {};
  const tell = async (args: string[], expected = 0) => {
    const { code, stdout, stderr } = await place.run(args, { env });
    told[args.join(' ')] = stdout + stderr;
    assert.equal(code, expected, stdout + stderr);
    return stdout;
  };
  await tell(['run', 'secret.yaml']);
  const sum = (text: string) => `${createHash('sha256').update(text).digest('hex')}  -\n`;
  for (const [file, value] of [
    ['token', TOKEN],
    ['key', KEY.trimEnd()],
    ['argument', PASSWORD],
    ['script', TOKEN],
  ] as const) {
    assert.equal(readFileSync(join(place.folder, `seen-${file}`), 'utf8'), sum(value), file);
  }

  const { processors } = JSON.parse(await tell(['runs', 'get', 'latest', '--json']));
  for (const { name } of processors)
    await tell(['runs', 'logs', 'latest', name === 'each' ? 'each[1]' : name]);
  for (const words of [['manifest'], ['get'], ['watch'], ['timeline'], ['staging']])
    await tell(['runs', words[0]!, 'latest']);
  for (const name of ['variables', 'split']) await tell(['runs', 'logs', 'latest', name, '--stdout']);
  assert.match(told['runs logs latest variables --stdout']!, /^both \*\*\* \*\*\* and \*\*\*\n/);
  assert.match(told['runs logs latest variables --stdout']!, /\nunset\n/);
  assert.equal(told['runs logs latest split --stdout'], '<***>');
  assert.equal(told['runs logs latest argument'], '*** a *** b\n');
  assert.match(told['run secret.yaml']!, /requested .*127\.0\.0\.1:9\/\*\*\*\?q=\*\*\*/);
  assert.match(told['runs logs latest downstream']!, /^\*\*\*\n/);
  const [{ output }] = processors.filter(({ name }: { name: string }) => name === 'written');
  assert.deepEqual(JSON.parse(output.json), { token: '***', '***': ['***'] });
  assertNowhere(told);

  await tell(['run', 'secret.yaml', '--plan'], 10);
  assert.match(await tell(['run', 'secret.yaml']), /each +Succeeded .*2 cached/);
  assertNowhere(told);
});

test('a secret that is not there is told by name, and nothing is started', async () => {
  place.write('empty.txt', '\n');
  place.write(
    'missing.yaml',
    `name: missing
secrets:
  NOT_SET: { env: NOT_SET_ANYWHERE }
  NO_FILE: { file: no-file }
  EMPTY: { file: empty.txt }
  BROKEN: { command: [sh, -c, "echo its reasons >&2; exit 4"] }
processors:
  variable: { secrets: NOT_SET, run: touch started }
  file: { run: 'touch started; echo \${{ secrets.NO_FILE }}' }
  empty: { program: [touch, started, "\${{ secrets.EMPTY }}"] }
  command: { secrets: BROKEN, run: touch started, retries: 0 }
  http: { uses: http, with: { url: "http://127.0.0.1:9/\${{ secrets.NOT_SET }}" } }
`,
  );
  const { code, stdout } = await place.run(['run', 'missing.yaml']);
  assert.equal(code, 1);
  for (const [name, message] of [
    ['variable', /secret-missing: secret NOT_SET: the variable NOT_SET_ANYWHERE is not set/],
    ['file', /secret-missing: secret NO_FILE: .*no-file.*create it/],
    ['empty', /secret-missing: .*EMPTY.*empty/],
    ['command', /secret-command-failed: secret BROKEN: .*4/],
    ['http', /secret-missing: secret NOT_SET/],
  ] as const) {
    assert.match(stdout, new RegExp(` ${name}  Failed .*${message.source}`));
  }
  assert.ok(!existsSync(join(place.folder, 'started')));

  place.write('unknown.yaml', 'name: unknown\nprocessors:\n  a: { secrets: TOKEN, run: "true" }\n');
  const unknown = await place.run(['run', 'unknown.yaml']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /unknown\.yaml:3:17: .*TOKEN/);
});

test('a file with the value of a secret is not kept', async () => {
  place.write(
    'left.yaml',
    `name: left
secrets: { TOKEN: { env: MY_TOKEN } }
processors:
  config: { secrets: TOKEN, run: 'mkdir "$WIZ_FILES/etc"; echo "token = $TOKEN" > "$WIZ_FILES/etc/config"; echo hello > "$WIZ_FILES/note"' }
  after: { needs: config, run: touch after-started }
`,
  );
  const { code, stdout } = await place.run(['run', 'left.yaml'], { env });
  assert.equal(code, 1);
  assert.match(
    stdout,
    /config {2}Failed .*secret-in-file: "etc\/config" in WIZ_FILES has the value of a secret/,
  );
  assert.ok(!existsSync(join(place.folder, 'after-started')));
  assertNowhere({ run: stdout });
});
