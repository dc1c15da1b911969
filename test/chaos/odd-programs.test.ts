/** Programs that cannot be started, end badly, or leave something behind: each says why, and the run ends. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newPlace } from '../e2e/place.ts';
import type { Story } from './story.ts';
import { victimsOf } from './victims.ts';

const place = newPlace();
after(() => place.leave());

const executable = (name: string, text: string) => chmodSync(place.write(name, text), 0o755);
mkdirSync(join(place.folder, 'folder'));
place.write('plain.txt', 'echo x\n');
executable('lost', '#!/no/such/interpreter\n');
executable('garbage', '\x7fELF\0\0\0\0garbage');

/** What the processor is, and how it ends: '' is success, else its reason and a part of its message. */
const PROGRAMS: Record<string, [processor: object, reason: string, message?: RegExp]> = {
  unknown: [{ program: ['no-such-program'] }, 'not-found', /"no-such-program" was not found; looked in PATH/],
  missing: [{ program: ['./missing'] }, 'not-found', /looked at \/.*\/missing/],
  forbidden: [{ program: ['./plain.txt'] }, 'not-executable', /chmod \+x/],
  folder: [{ program: ['./folder'] }, 'not-executable', /is a folder/],
  lost: [{ program: ['./lost'] }, 'not-found', /interpreter \/no\/such\/interpreter/],
  garbage: [{ program: ['./garbage'] }, 'not-executable', /not a program of this machine/],
  killed: [{ run: 'kill -9 $$' }, 'signal', /SIGKILL/],
  aborted: [{ run: 'ulimit -c 0; kill -ABRT $$' }, 'signal', /SIGABRT/],
  many: [{ run: 'for i in $(seq 200); do sleep 0.2 & done; wait' }, ''],
  background: [{ run: 'sleep 92 & echo started' }, ''],
  hidden: [{ run: 'setsid sleep 92 < /dev/null > /dev/null 2>&1 & echo started' }, ''],
  closes: [{ run: 'exec >&- 2>&-; sleep 0.2' }, ''],
  reads: [{ run: 'test -z "$(cat)"' }, ''],
  large: [
    { run: 'true', env: { LARGE: 'x'.repeat(200_000) } },
    'arguments-too-large',
    /larger than the system/,
  ],
  nowhere: [{ run: 'pwd', workdir: './nowhere' }, 'bad-workdir', /nowhere does not exist/],
  file: [{ run: 'pwd', workdir: './plain.txt' }, 'bad-workdir', /is not a folder/],
  deletes: [{ run: 'mkdir -p gone && cd gone && rmdir ../gone && echo on' }, ''],
  pipes: [{ run: 'rm -f "$WIZ_OUTPUT" && mkfifo "$WIZ_OUTPUT"' }, 'bad-output', /not a file any more/],
  stubborn: [
    { run: "trap '' TERM; sleep 91", timeout: '500ms', grace: '200ms' },
    'timeout',
    /time-out of 0.5 s/,
  ],
};

test('each ends as it should, and nothing of it stays', async () => {
  const processors = Object.fromEntries(
    Object.entries(PROGRAMS).map(([name, [processor]]) => [name, processor]),
  );
  // JSON is YAML too.
  place.write('odd.yaml', JSON.stringify({ name: 'odd', processors }));
  assert.equal((await place.run(['run', 'odd.yaml'])).code, 1);
  const story: Story = await place.json(['runs', 'get', 'latest']);
  assert.equal(story.processors.length, Object.keys(PROGRAMS).length);
  for (const { name, state, reason = '', message = '', attempts = [] } of story.processors) {
    const [, expected, text = /^$/] = PROGRAMS[name]!;
    assert.deepEqual([name, expected === '' ? '' : reason], [name, expected]);
    assert.equal(state, expected === '' ? 'PROCESSOR_STATE_SUCCEEDED' : 'PROCESSOR_STATE_FAILED', name);
    if (expected !== '') assert.match(message, text, name);
    assert.equal(attempts.length, 1, name);
  }
  await place.out(['executor', 'stop', '--force']);
  assert.deepEqual(victimsOf(place.folder).programs, []);
});

test('a text with a NUL is refused before anything runs', async () => {
  place.write('nul.yaml', 'name: nul\nprocessors:\n  a: { run: "echo a\\0b" }\n');
  const { code, stderr } = await place.run(['run', 'nul.yaml']);
  assert.equal(code, 2);
  assert.match(stderr, /a character that no program can take/);
});
