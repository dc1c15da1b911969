/** What editors and shells need: the JSON Schema and completion. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

const root = join(import.meta.dirname, '../..');

test('the schema is draft 2020-12, takes every example, and refuses what wiz refuses', async () => {
  // Without the rules about keys that go together, which z.fromJSONSchema does not read.
  const together = ['oneOf', 'not', 'dependentRequired', 'dependentSchemas'];
  const schema = JSON.parse(await place.out(['schema']), (key, value) =>
    together.includes(key) ? undefined : value,
  );
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  const checked = z.fromJSONSchema(schema);
  const examples = globSync('examples/{*,*/*}.yaml', { cwd: root });
  assert.ok(examples.length > 0);
  for (const file of examples) {
    const { error } = checked.safeParse(parse(readFileSync(join(root, file), 'utf8')));
    assert.equal(error, undefined, file);
  }
  for (const wrong of [
    { name: 'x' },
    { name: 'x', processors: { a: { run: 'x', need: 'b' } } },
    { name: 'x', processors: { a: { run: 'x', timeout: 7 } } },
    { name: 'x', processors: { a: { run: ['x'] } } },
  ]) {
    assert.ok(!checked.safeParse(wrong).success, JSON.stringify(wrong));
  }
});

test('bash completes commands, flags, and names and ids that are there', async () => {
  place.write('known.yaml', 'name: known-pipeline\nprocessors:\n  known-processor: { run: "true" }\n');
  await place.out(['pipeline', 'apply', 'known.yaml']);
  await place.out(['run', 'known-pipeline']);
  const [{ runId }] = await place.json(['runs', 'list']);
  const wiz = place.write('bin/wiz', `#!/bin/sh\nexec '${process.execPath}' '${root}/cli/bin/wiz.js' "$@"\n`);
  chmodSync(wiz, 0o755);
  const env = { ...place.environment, PATH: `${join(place.folder, 'bin')}:${process.env.PATH}` };

  const script = `
    eval "$(wiz completion bash)"
    offers() {
      local -a COMP_WORDS=("$@"); local COMP_CWORD=$(($# - 1)) COMPREPLY=()
      local function=$(complete -p wiz | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      $function wiz "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
      echo "\${COMPREPLY[@]}"
    }
    offers wiz pip
    offers wiz runs re
    offers wiz runs logs latest --st
    offers wiz run known-pi
    offers wiz pipeline get known
    offers wiz runs watch ${runId.slice(0, 20)}
    offers wiz runs logs latest known
    offers wiz processors sl`;
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: place.folder, env });
  assert.deepEqual(stdout.trim().split('\n'), [
    'pipeline',
    'retry',
    '--stdout --stderr',
    'known-pipeline',
    'known-pipeline',
    runId,
    'known-processor',
    'sleep',
  ]);
});
