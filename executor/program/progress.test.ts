import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createProgressReader, parseProgress } from './progress.ts';

test('the three forms of a progress line, and any other text', () => {
  const cases: [string, number, string][] = [
    ['0.42 reading', 0.42, 'reading'],
    ['.5', 0.5, ''],
    ['1 all done', 1, 'all done'],
    ['42% of it', 0.42, 'of it'],
    ['12.5%', 0.125, ''],
    ['21/50 files', 0.42, 'files'],
    ['0/0 files', -1, '0/0 files'],
    ['60/50 files', -1, '60/50 files'],
    ['7 files', -1, '7 files'],
    ['-0.5 x', -1, '-0.5 x'],
    ['warming up', -1, 'warming up'],
  ];
  for (const [line, fraction, message] of cases) assert.deepEqual(parseProgress(line), { fraction, message });
});

test('only the last line counts, and only when it is new', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-progress-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'progress');
  const reader = createProgressReader(file);
  assert.equal(reader.poll(), undefined);
  fs.writeFileSync(file, `${'0.1 a long first line\n'.repeat(1000)}0.2 ünd\n`);
  assert.deepEqual(reader.poll(), { fraction: 0.2, message: 'ünd' });
  assert.equal(reader.poll(), undefined);
  fs.appendFileSync(file, '30%\n\n');
  assert.deepEqual(reader.poll(), { fraction: 0.3, message: '' });
  fs.rmSync(file);
  assert.equal(reader.poll(), undefined);
});
