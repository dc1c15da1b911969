import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { call, temporaryFolder } from './processors.fixture.ts';

const input = {
  params: { least: 2 },
  context: { TEAM: 'platform' },
};
const needs = [{ processor: 'list', output: { value: { case: 'text' as const, value: 'a\nbb\nccc\n' } } }];

test('selects and reshapes what it is given', async () => {
  const evaluate = async (expression: string) =>
    (await call('json', { expression }, { input, needs })).output;
  assert.deepEqual(await evaluate('outputs.list.lines[$length($) >= $$.params.least]'), ['bb', 'ccc']);
  assert.deepEqual(await evaluate('{ "team": context.TEAM, "n": $count(outputs.list.lines) }'), {
    team: 'platform',
    n: 3,
  });
  assert.equal(await evaluate('outputs.nothing'), null);
});

test('reads a file', async (t) => {
  const workdir = temporaryFolder(t);
  writeFileSync(join(workdir, 'data.json'), '{"items":[{"n":1},{"n":2}]}');
  writeFileSync(join(workdir, 'broken.json'), '{');
  const run = (file: string) => call('json', { expression: '$sum(file.items.n)', file }, { workdir });
  assert.equal((await run('data.json')).output, 3);
  assert.equal((await run('gone.json')).report.reason, 'not-found');
  const { report } = await run('broken.json');
  assert.equal(report.reason, 'bad-content');
  assert.match(report.message, /broken\.json is not JSON/);
});

test('a wrong expression says where', async () => {
  const { report } = await call('json', { expression: 'outputs.(' });
  assert.equal(report.reason, 'bad-expression');
  assert.match(report.message, /at character \d+/);
  assert.equal((await call('json', { expression: '$error("no")' })).report.reason, 'bad-expression');
});

test('an endless expression ends with its time, and with a cancel, and blocks nobody', async () => {
  const expression = '($f := function() { $f() }; $f())';
  const [timedOut, cancelled, other] = await Promise.all([
    call('json', { expression, timeout: '200ms' }),
    call('json', { expression }, { started: (cancel) => setTimeout(cancel, 50, 'cancelled') }),
    call('json', { expression: '1 + 1' }),
  ]);
  assert.equal(timedOut.report.reason, 'timeout');
  assert.equal(cancelled.report.reason, 'cancelled');
  assert.equal(other.output, 2);
});

test('wrong options', async () => {
  for (const options of [{}, { expression: '' }, { expression: '1', timeout: 'soon' }, { expresion: '1' }]) {
    assert.equal((await call('json', options)).report.reason, 'bad-options', JSON.stringify(options));
  }
});
