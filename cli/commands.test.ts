/** Commands that print data: as a table, as JSON, and what each of them must have. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { RUN_ID } from './fixture/events.ts';
import { wiz } from './fixture/wiz.ts';
import { loadConfig } from './oclif.ts';

describe('data', { concurrency: 2 }, () => {
  test('lists are tables without colours in a pipe, and JSON on request', async () => {
    const runs = await wiz('lists', ['runs', 'list'], { environment: { FORCE_COLOR: '1' } });
    assert.equal(
      runs.stdout,
      `RUN                          PIPELINE  STATE      STARTED              TOOK  DONE
${RUN_ID}  audit v2  Succeeded  2026-01-31 12:00:00  1.5s   4/4
`,
    );
    const json = await wiz('lists', ['runs', 'list', '--json']);
    assert.equal(JSON.parse(json.stdout)[0].runId, RUN_ID);
  });

  test('a pipeline as it was written, and drawn', async () => {
    assert.equal((await wiz('lists', ['pipeline', 'get', 'audit'])).stdout, 'name: audit\n');
    const drawn = await wiz('lists', ['pipeline', 'graph', 'audit']);
    assert.equal(drawn.stdout, 'audit\n  list\n  report  (after list)\n');
    const mermaid = await wiz('lists', ['pipeline', 'graph', 'audit', '--format', 'mermaid']);
    assert.match(mermaid.stdout, /flowchart LR/);
  });

  test('a processor that is not there gets the nearest name', async () => {
    const { stderr, code } = await wiz('lists', ['processors', 'htp']);
    assert.deepEqual([stderr, code], ['wiz: there is no processor `htp`\n  Did you mean http?\n', 2]);
  });

  test('the schema', async () => {
    assert.deepEqual(JSON.parse((await wiz('lists', ['schema'])).stdout), { title: 'a schema' });
  });

  test('help, with exit 0', async () => {
    for (const argv of [['--help'], ['runs'], ['help', 'runs', 'logs'], ['run', '-h']]) {
      const { stdout, code } = await wiz('lists', argv);
      assert.deepEqual([code, /USAGE\n {2}\$ wiz/.test(stdout)], [0, true], argv.join(' '));
    }
  });
});

test('what talks to no manager takes none', async () => {
  const lines = [
    ['store', 'backup', 'file'],
    ['config', 'show'],
    ['store', 'migrate'],
    ['login', 'https://a'],
  ];
  for (const argv of lines) {
    const { stderr, code } = await wiz('lists', [...argv, '--manager', 'https://prod']);
    assert.deepEqual([code, stderr.includes('--manager')], [2, true], `${argv.join(' ')}: ${stderr}`);
  }
});

test('a name that every object has is no context', async () => {
  const environment = { XDG_CONFIG_HOME: '/nowhere' };
  const { stderr, code } = await wiz('lists', ['logout', 'constructor'], { environment });
  assert.deepEqual([code, /^wiz: there is no context "constructor"/.test(stderr)], [2, true], stderr);
});

test('every command has a summary, examples, and described flags and arguments', async () => {
  const config = await loadConfig(join(import.meta.dirname, '..'), { fresh: true });
  assert.ok(config.commands.length > 20);
  for (const { id, summary, examples, flags, args } of config.commands) {
    assert.ok(summary?.endsWith('.'), `${id}: ${summary}`);
    assert.ok(examples && examples.length > 0, id);
    for (const { name, description } of [...Object.values(flags), ...Object.values(args)]) {
      assert.ok(description?.endsWith('.'), `${id} ${name}: ${description}`);
    }
  }
});
