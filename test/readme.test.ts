import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, wizFor } from './wiz.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(
    (match) => match[1]!,
  );
}

test('the first pipeline runs, and all are valid', async (t) => {
  const wiz = wizFor(t);
  const pipelines = blocks('yaml').map((text, i) => {
    const file = join(wiz.folder, `${i}.yaml`);
    writeFileSync(file, text);
    return file;
  });
  assert.equal(pipelines.length, 3);
  const checked = await wiz.run(['pipeline', 'validate', ...pipelines]);
  assert.equal(checked.code, 0, checked.stderr);
  const ran = await wiz.run(['run', pipelines[0]!]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal((await wiz.run(['runs', 'logs', 'latest', 'greet'])).stdout, 'hello from greet\n');
});

test('the tour of data: a second run executes nothing, and what it left is there', async (t) => {
  const wiz = wizFor(t);
  const file = join(wiz.folder, 'lakes.yaml');
  writeFileSync(file, blocks('yaml')[2]!);
  const first = await wiz.run(['run', file]);
  assert.equal(first.code, 0, first.stderr);
  const second = await wiz.run(['run', file]);
  assert.match(second.stdout, /4 cached/);
  assert.equal((await wiz.run(['run', '--plan', file])).code, 0);
  assert.equal((await wiz.run(['files', 'cat', 'lakes/lakes.txt'])).stdout, 'Bodensee\nComer See\n');
  const query = await wiz.run(['data', 'query', '--json', 'select distinct lake, m from lakes order by m']);
  assert.deepEqual(JSON.parse(query.stdout)[0], { lake: 'Comer See', m: 198 });
  assert.match((await wiz.run(['lineage', 'lakes/lakes.txt'])).stdout, /measure/);
});

test('every command of the tour is there, with its flags', () => {
  const { commands } = JSON.parse(readFileSync(join(root, 'dist/oclif.manifest.json'), 'utf8'));
  const lines = blocks('sh').slice(1).join('').trim().split('\n');
  assert.ok(lines.length > 10);
  for (const line of lines) {
    // Without the comment, and without the program that exec runs.
    const text = line.split(' #')[0]!.split(' -- ')[0]!;
    const flags = [...text.matchAll(/ (--?[a-z][a-z-]*)/g)].map((match) => match[1]!);
    const [, first, second] = text.split(' ');
    const command = commands[`${first}:${second}`] ?? commands[first!];
    assert.ok(command, line);
    const known = Object.entries<{ char?: string }>(command.flags).flatMap(([name, { char }]) => [
      `--${name}`,
      `-${char}`,
    ]);
    for (const flag of flags) assert.ok(known.includes(flag), `${line}: ${flag}`);
  }
});

test('every link leads somewhere', () => {
  for (const [, target] of readme.matchAll(/\]\(([^)#]+)\)/g))
    assert.ok(existsSync(join(root, target!)), target);
});
