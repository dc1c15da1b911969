/** Context and environment: what a processor adds, who sees it, and which value wins. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventsOf } from './journal.ts';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

async function printed(id: string): Promise<Record<string, string>> {
  const { processors } = await place.json(['runs', 'get', id]);
  return Object.fromEntries(
    processors.map(({ name, output }: { name: string; output?: { text?: string } }) => [
      name,
      output?.text?.trimEnd() ?? '',
    ]),
  );
}

async function runOf(file: string, args: string[] = [], env = {}): Promise<string> {
  return eventsOf(await place.out(['run', file, '--json', ...args], { env }))[0]!.run;
}

test('what a processor adds is seen downstream, not upstream and not beside', async () => {
  place.write(
    'added.yaml',
    `name: added
context: { BASE: base, CHANGED: before }
processors:
  before: { run: 'echo "$BASE $CHANGED \${ADDED-unset}"' }
  adds: { needs: before, run: 'printf "ADDED=a=b c\\nCHANGED=after\\n" > "$WIZ_CONTEXT"' }
  beside: { needs: before, run: 'echo "$BASE $CHANGED \${ADDED-unset}"' }
  direct: { needs: adds, run: 'echo "$BASE $CHANGED $ADDED"' }
  far: { needs: direct, run: 'echo "$BASE $CHANGED $ADDED"; cat "$WIZ_INPUT" >&2' }
`,
  );
  const id = await runOf('added.yaml');
  const { before, beside, direct, far } = await printed(id);
  assert.deepEqual([before, direct, far], ['base before unset', 'base after a=b c', 'base after a=b c']);
  assert.equal(beside, 'base before unset');
  const { context } = JSON.parse(await place.out(['runs', 'logs', id, 'far', '--stderr']));
  assert.deepEqual(context, { BASE: 'base', CHANGED: 'after', ADDED: 'a=b c' });
});

test('the environment of a processor wins over defaults, these over context, that over params and the shell', async () => {
  const names = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];
  place.write(
    'layers.yaml',
    `name: layers
params: { b: param, g: param }
context: { C: context, D: context, E: context, F: context }
defaults: { env: { D: defaults, E: defaults, G: defaults } }
processors:
  show: { env: { E: processor, WIZ_RUN_ID_SEEN: "\${RUN_ID}" }, run: 'echo "$A $B $C $D $E $F $G"; test "$WIZ_RUN_ID" = "$WIZ_RUN_ID_SEEN"' }
`,
  );
  const shell = Object.fromEntries(names.map((name) => [name, 'shell']));
  const id = await runOf('layers.yaml', ['--context', 'F=caller'], shell);
  assert.equal((await printed(id)).show, 'shell param context defaults processor caller defaults');
});

test('what a processor added is there for a retry, under another manager', async () => {
  place.write(
    'kept.yaml',
    `name: kept
processors:
  adds: { run: 'echo TOKEN=one > "$WIZ_CONTEXT"' }
  uses: { needs: adds, run: 'echo "$TOKEN"; test -e ready' }
`,
  );
  assert.equal((await place.run(['run', 'kept.yaml'])).code, 1);
  place.write('ready', '');
  await place.out(['runs', 'retry', 'latest']);
  assert.equal((await printed('latest')).uses, 'one');
});
