/** The account of a run: its manifest and its timeline, in front of a scripted manager. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { RUN_ID } from './fixture/events.ts';
import { recorded, wiz } from './fixture/wiz.ts';

const folder = mkdtempSync(join(tmpdir(), 'account-'));
after(() => rmSync(folder, { recursive: true }));

const MANIFEST = `{
  "runId": "${RUN_ID}",
  "message": "a \\"quoted\\" {word}",
  "processors": [
    {
      "name": "a"
    },
    {}
  ]
}
`;

describe('manifest', { concurrency: 2 }, () => {
  test('is laid out as it comes, of the newest run when none is named', async () => {
    const record = join(folder, 'record');
    assert.equal((await wiz('account', ['runs', 'manifest'], { record })).stdout, MANIFEST);
    assert.ok(recorded(record).some(({ runId }) => runId === 'latest'));
  });

  test('goes to a file whole, or not at all', async () => {
    const cwd = join(folder, 'out');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'old.json'), 'old');
    const root = { cwd };
    const written = await wiz('account', ['runs', 'manifest', 'latest', '-o', 'old.json'], root);
    assert.deepEqual([written.stdout, written.code], ['old.json\n', 0]);
    assert.equal(readFileSync(join(cwd, 'old.json'), 'utf8'), MANIFEST);
    const broken = await wiz('account-breaks', ['runs', 'manifest', '-o', 'new.json'], root);
    assert.deepEqual([broken.stdout, broken.code], ['', 3]);
    assert.deepEqual(readdirSync(cwd), ['old.json']);
    const nowhere = await wiz('account', ['runs', 'manifest', '-o', 'none/new.json'], root);
    assert.deepEqual(
      [nowhere.stderr, nowhere.code],
      ['wiz: cannot write none/new.json: there is no folder none\n', 2],
    );
    const taken = await wiz('account', ['runs', 'manifest', '-o', '../out'], root);
    assert.deepEqual([taken.code, readdirSync(folder).includes('out')], [2, true]);
  });

  test('its schema is printed', async () => {
    const { stdout } = await wiz('lists', ['schema', 'manifest']);
    assert.deepEqual(JSON.parse(stdout), { title: 'a schema of manifests' });
    assert.equal((await wiz('lists', ['schema', 'manifests'])).code, 2);
  });
});

describe('timeline', { concurrency: 2 }, () => {
  test('in a pipe: lines for programs, instances on request', async () => {
    assert.equal(
      (await wiz('account', ['runs', 'timeline'])).stdout,
      'list Succeeded 10 10 990\nparse Succeeded 1100 100 800\n',
    );
    assert.equal(
      (await wiz('account', ['runs', 'timeline', RUN_ID, '--instances'])).stdout,
      `list Succeeded 10 10 990
parse Succeeded 1100 100 800
parse[0] Succeeded 1100 1100 400
parse[1] Succeeded 1101 1101 399
`,
    );
  });

  test('as JSON', async () => {
    const { stdout } = await wiz('account', ['runs', 'timeline', '--json']);
    const { run, state, rows } = JSON.parse(stdout);
    assert.deepEqual([run, state, rows.length], [RUN_ID, 'Succeeded', 2]);
    assert.deepEqual(rows[1].instances, { idle: 0, running: 0, failed: 0, succeeded: 2 });
  });
});
