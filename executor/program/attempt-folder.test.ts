import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createAttemptFolders } from './attempt-folder.ts';

test('an untouched folder is used again, a touched one never', (t) => {
  const root = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-folders-')), 'attempts');
  t.after(() => fs.rmSync(path.dirname(root), { recursive: true, force: true }));
  const folders = createAttemptFolders(root);

  const first = folders.acquire();
  first.release(true);
  const second = folders.acquire();
  second.writeInput('{"params":{"a":1}}');
  assert.equal(second.output, first.output);
  assert.equal(fs.readFileSync(second.input, 'utf8'), '{"params":{"a":1}}');
  fs.appendFileSync(second.input, 'spoiled');
  second.release(true);
  const third = folders.acquire();
  third.writeInput('{"params":{"a":1}}');
  assert.equal(fs.readFileSync(third.input, 'utf8'), '{"params":{"a":1}}');

  fs.writeFileSync(third.output, '{}');
  assert.deepEqual(third.touched(), { out: true, files: false });
  third.release(true);
  assert.equal(fs.existsSync(third.output), false);
  const fourth = folders.acquire();
  assert.notEqual(fourth.output, third.output);

  fs.writeFileSync(path.join(fourth.files, 'x'), '');
  assert.deepEqual(fourth.touched(), { out: false, files: true });
  fourth.release(true);
  const fifth = folders.acquire();
  fifth.release(false);
  assert.notEqual(folders.acquire().output, fifth.output);

  folders.close();
  assert.equal(fs.existsSync(root), false);
});
