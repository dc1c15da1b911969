/** Every command does against a daemon what it does bundled: the same story is told with both, and what came out is compared. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { ADMIN_TOKEN, type Daemon, startDaemon } from '../daemon.ts';
import { type Ended, newPlace, type Options, type Place } from '../e2e/place.ts';

/** Steps of the story, in their order; each is compared. `code` is 0 when absent. */
interface Step {
  argv: string[];
  code?: number;
  input?: string;
  /** Why it says something else here and there: only the exit code is compared. */
  differs?: string;
}

const step = (line: string, more: Omit<Step, 'argv'> = {}): Step => ({ argv: line.split(' '), ...more });

const AUDIT = `name: audit
description: What the tests tell apart.
params: { word: { default: hello } }
processors:
  list:
    run: |
      printf 'one\\ntwo\\n'
      echo "$WORD" > "$WIZ_FILES/word.txt"
  join:
    needs: [list]
    program: [./count.sh, "\${{ outputs.list.lines[1] }}"]
outputs:
  files: { word.txt: "\${{ files.list['word.txt'] }}" }
  records: { table: words, rows: "\${{ outputs.list.lines.map(line, {'line': line}) }}" }
`;
const FAILS = `name: fails
processors:
  first: { run: "test -e now && echo well || exit 3" }
  second: { needs: [first], run: "echo after" }
`;

const WHO = 'it tells who did something, which is somebody else';
const JOINED = 'a daemon is in session with its executors, and tells their load';

const STORY: Record<string, Step[]> = {
  'pipeline:validate': [
    step('pipeline validate audit.yaml'),
    step('pipeline validate bad.yaml', { code: 2 }),
  ],
  'pipeline:diff': [step('pipeline diff audit.yaml')],
  'pipeline:apply': [step('pipeline apply audit.yaml'), step('pipeline apply audit.yaml --json')],
  'pipeline:list': [step('pipeline list'), step('pipeline list --json')],
  'pipeline:get': [step('pipeline get audit'), step('pipeline get audti', { code: 2 })],
  'pipeline:graph': [step('pipeline graph audit'), step('pipeline graph audit.yaml --format dot')],
  processors: [step('processors'), step('processors sleep --json')],
  run: [
    step('run audit --plan', { code: 10 }),
    step('run audit.yaml --json -p word=bye -l kind=test'),
    step('run fails.yaml', { code: 1 }),
    step('run - --context A=b', { input: 'name: given\nprocessors: { a: { run: "echo $A; pwd" } }\n' }),
    step('run audit --each sets.jsonl --width 1 --json'),
    step('run bad.yaml', { code: 2 }),
    step('run audit'),
  ],
  'runs:list': [step('runs list'), step('runs list --pipeline fails --json')],
  'runs:get': [
    step('runs get latest'),
    step('runs get latest --json'),
    step('runs get nothing', { code: 2 }),
  ],
  'runs:watch': [step('runs watch latest'), step('runs watch latest --json')],
  'runs:logs': [
    step('runs logs latest'),
    step('runs logs latest list --json'),
    step('runs logs latest x', { code: 2 }),
  ],
  'runs:manifest': [step('runs manifest latest')],
  'runs:timeline': [step('runs timeline --json')],
  'files:ls': [step('files ls latest'), step('files ls --all --json')],
  'files:cat': [step('files cat latest/word.txt')],
  'files:get': [step('files get latest/word.txt -o got.txt'), step('files get latest/no.txt', { code: 2 })],
  lineage: [step('lineage got.txt'), step('lineage latest/word.txt --json')],
  'data:tables': [step('data tables')],
  'data:query': [
    { argv: ['data', 'query', '--csv', 'select line from words order by line limit 2'] },
    step('data query --json -', { input: 'select count(*) as n from words' }),
  ],
  exec: [
    { argv: ['exec', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'], code: 3 },
    { argv: ['exec', '--env', 'A=b', '--', 'sh', '-c', 'echo $A; pwd'] },
    step('exec -- no-such-program', { code: 127 }),
  ],
  'runs:staging': [step('runs staging'), step('runs staging --remove')],
  'runs:retry': [step('runs retry RETRY', { code: 1 })],
  'runs:cancel': [step('runs cancel latest', { code: 2 })],
  'runs:prune': [step('runs prune --keep 1 --dry-run'), step('runs prune --keep 1 --json')],
  'pipeline:delete': [step('pipeline delete audit'), step('pipeline delete audit', { code: 2 })],
  'tokens:create': [step('tokens create --name ci --role viewer', { differs: WHO })],
  'tokens:list': [step('tokens list', { differs: WHO })],
  'tokens:revoke': [step('tokens revoke nobody', { code: 2 }), step('tokens revoke ci', { differs: WHO })],
  'users:add': [step('users add ada --role viewer', { input: 'correct horse battery' })],
  'users:list': [step('users list', { differs: WHO })],
  'users:passwd': [step('users passwd ada', { input: 'incorrect horse battery' })],
  'users:remove': [step('users remove ada'), step('users remove ada', { code: 2 })],
  audit: [step('audit --json', { differs: WHO })],
  complete: [step('complete processors')],
  'hooks:deliveries': [step('hooks deliveries'), step('hooks deliveries --json')],
  'hooks:show': [step('hooks show nobody', { code: 2 })],
  'hooks:redeliver': [step('hooks redeliver nobody', { code: 2 })],
  'schedules:list': [step('schedules list'), step('schedules list --json')],
  'schedules:fire': [step('schedules fire nobody', { code: 2 })],
  'schedules:pause': [step('schedules pause nobody', { code: 2 })],
  'schedules:resume': [step('schedules resume nobody', { code: 2 })],
  'executors:list': [step('executors list --json', { differs: JOINED })],
  'executors:drain': [step('executors drain nobody', { code: 2 })],
  'executors:remove': [step('executors remove nobody', { code: 2 })],
  'executor:list': [step('executor list --json', { differs: JOINED })],
  'executor:stop': [step('executor stop nobody', { code: 2 })],
  'executors:stop': [step('executors stop nobody', { code: 2 }), step('executors stop')],
};

/** Commands that talk to no manager, or to one in their own way: they have tests of their own. */
const ELSEWHERE: Record<string, string> = {
  completion: 'cli/completion/completion.test.ts',
  'config:show': 'test/daemon/configuration.test.ts',
  'context:list': 'test/daemon/login.test.ts',
  'context:remove': 'test/daemon/login.test.ts',
  'context:show': 'test/daemon/login.test.ts',
  'context:use': 'test/daemon/login.test.ts',
  doctor: 'test/daemon/doctor.test.ts',
  executor: 'test/e2e/executors.test.ts',
  'executors:add': 'test/executors/registered.test.ts',
  login: 'test/daemon/login.test.ts',
  logout: 'test/daemon/login.test.ts',
  'manager:serve': 'test/daemon/configuration.test.ts',
  'manager-background': 'test/e2e/managers.test.ts',
  schema: 'cli/commands.test.ts',
  'store:backup': 'test/daemon/store.test.ts',
  'store:copy': 'test/daemon/store.test.ts',
  'store:migrate': 'test/daemon/store.test.ts',
  'store:restore': 'test/daemon/store.test.ts',
};

test('there is no command of which it is not known how it is checked', async () => {
  const { commands } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../dist/oclif.manifest.json'), 'utf8'),
  ) as { commands: Record<string, { id: string }> };
  for (const file of Object.values(ELSEWHERE))
    assert.ok(existsSync(join(import.meta.dirname, '../..', file)), file);
  const known = [...Object.keys(STORY), ...Object.keys(ELSEWHERE)].sort();
  assert.deepEqual(
    Object.values(commands)
      .map(({ id }) => id)
      .sort(),
    known,
  );
});

/** Executors are there to be listed at the end of the story. */
const STAYS_WARM = { WIZ_WARM: '300' };

suite('against a daemon as bundled', () => {
  let bundled: Place;
  let served: Place;
  let daemon: Daemon;
  let remote: NodeJS.ProcessEnv;

  before(async () => {
    bundled = newPlace();
    served = newPlace();
    for (const place of [bundled, served]) {
      place.write('audit.yaml', AUDIT);
      place.write('fails.yaml', FAILS);
      place.write('bad.yaml', 'name: bad\nprocesors: {}\n');
      place.write('sets.jsonl', '{"word":"a"}\n{"word":"b"}\n');
      chmodSync(place.write('count.sh', '#!/bin/sh\nprintf "%s" "$1" | wc -c\n'), 0o755);
    }
    daemon = await startDaemon(served, { env: STAYS_WARM });
    remote = {
      WIZ_MANAGER: daemon.url,
      WIZ_TOKEN: ADMIN_TOKEN,
      // Nothing of the client's own machine may be needed.
      WIZ_HOME: join(served.folder, 'client'),
      XDG_CONFIG_HOME: join(served.folder, 'config'),
      XDG_CACHE_HOME: join(served.folder, 'cache'),
    };
  });
  after(async () => {
    try {
      await daemon.stop();
    } finally {
      await Promise.all([bundled, served].map((place) => place.leave()));
    }
  });

  for (const [command, steps] of Object.entries(STORY)) {
    for (const { argv, code = 0, input, differs } of steps) {
      test(`${command}: wiz ${argv.join(' ')}`, async () => {
        const options: Options = { env: STAYS_WARM, ...(input !== undefined && { input }) };
        const there: Options = { ...options, env: remote };
        const [a, b] = await Promise.all([
          bundled.run(await filledIn(bundled, argv, {}), options),
          served.run(await filledIn(served, argv, { env: remote }), there),
        ]);
        assert.equal(b.code, code, `${b.stdout}${b.stderr}`);
        assert.equal(a.code, code, `bundled: ${a.stdout}${a.stderr}`);
        if (differs === undefined) assert.deepEqual(normalised(b, served), normalised(a, bundled));
      });
    }
  }

  test('a file that was fetched is what the run left', () => {
    assert.equal(readFileSync(join(served.folder, 'got.txt'), 'utf8'), 'hello\n');
  });

  test('no command against a daemon makes a state folder', () => {
    assert.ok(!existsSync(join(served.folder, 'client')));
  });
});

/** RETRY is the newest run that failed. */
async function filledIn(place: Place, argv: string[], options: Options): Promise<string[]> {
  if (!argv.includes('RETRY')) return argv;
  const runs = await place.json(['runs', 'list', '--pipeline', 'fails'], options);
  return argv.map((word) => (word === 'RETRY' ? runs[0].runId : word));
}

/** Without what differs from run to run: ids, times, durations, processes, places. */
function normalised({ stdout, stderr, code }: Ended, place: Place) {
  const plain = (text: string) =>
    text
      .replaceAll(place.home, 'HOME')
      .replaceAll(place.folder, 'FOLDER')
      .replaceAll(/\b[0-9A-Za-z]{27}\b/g, 'ID')
      .replaceAll(/"usage":\{[^}]*\}/g, '"usage":{}')
      .replaceAll(/"(\w*(?:Ms|Rss|Memory|Bytes|pid|slots|peak\w*))":\s*(?:[\d.]+|null)/g, '"$1":0')
      .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z?)?/g, 'DATE')
      .replaceAll(/\b\d\d:\d\d:\d\d\b/g, 'TIME')
      .replaceAll(/\b\d+(\.\d+)?(ms|s|m|h)\b/g, 'TOOK')
      .replaceAll(/\b\d+(\.\d+)? (B|kB|MB|GB)\b/g, 'SIZE')
      .replaceAll(/ +/g, ' ');
  return { code, stdout: plain(stdout), stderr: plain(stderr) };
}
