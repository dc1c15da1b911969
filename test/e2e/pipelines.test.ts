/** Pipeline files: refused whole with places, applied with a difference, kept in versions. */
import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

const GOOD = 'name: good\nprocessors:\n  a: { run: "true" }\n';
const badFiles = globSync(join(import.meta.dirname, 'bad/*.yaml')).sort();

interface Diagnostic {
  file: string;
  line: number;
  column: number;
  message: string;
  hint: string;
}

test('every error of every bad file is told with file, line, column and a way out; nothing is stored', async () => {
  const good = place.write('good.yaml', GOOD);
  const told = await place.run(['pipeline', 'apply', good, ...badFiles]);
  assert.deepEqual([told.code, told.stdout], [2, ''], told.stderr);
  const listed = await place.run(['pipeline', 'apply', good, ...badFiles, '--json']);
  assert.equal(listed.code, 2);
  const { diagnostics } = JSON.parse(listed.stderr).error as { diagnostics: Diagnostic[] };

  for (const file of badFiles) {
    // A bad file begins with what is wrong in it: "# LINE:COLUMN some words. Words of the hint".
    const expected = [...readFileSync(file, 'utf8').matchAll(/^# (\d+):(\d+) (.*)$/gm)];
    assert.ok(expected.length > 0, file);
    const found = diagnostics.filter((diagnostic) => diagnostic.file === file);
    const places = found.map(({ line, column }) => `${line}:${column}`);
    assert.deepEqual(
      places,
      expected.map(([, line, column]) => `${line}:${column}`),
      basename(file),
    );
    expected.forEach(([, line, column, words], i) => {
      const { message, hint } = found[i]!;
      const sentence = `${message}. ${hint}`;
      for (const part of words!.split('. ')) assert.ok(sentence.includes(part), `${sentence} has: ${part}`);
      assert.ok(
        told.stderr.includes(`${file}:${line}:${column}: ${message}\n`),
        `${message}\n${told.stderr}`,
      );
    });
  }
  assert.deepEqual(await place.json(['pipeline', 'list']), []);
});

test('files that are no pipeline: empty, too large, binary, a bomb of aliases', async () => {
  const bomb = Array.from({ length: 30 }, (_, n) => `a${n}: &a${n} [${n ? `*a${n - 1}, *a${n - 1}` : 'x'}]`);
  const files: [string, string | Buffer, RegExp][] = [
    ['empty.yaml', '', /^empty\.yaml:1:1: the file is empty$/m],
    ['comments.yaml', '# nothing\n', /^comments\.yaml:1:1: .*only comments$/m],
    ['large.yaml', '#'.repeat(5_000_000), /^large\.yaml:1:1: the file has 4\.8 MiB/m],
    ['binary.yaml', randomFillSync(Buffer.alloc(4096)), /^binary\.yaml:\d+:\d+: /m],
    ['bomb.yaml', `${bomb.join('\n')}\n`, /^bomb\.yaml:\d+:\d+: .*alias/m],
  ];
  for (const [name, content] of files) writeFileSync(join(place.folder, name), content);
  const { code, stderr } = await place.run(['pipeline', 'apply', ...files.map(([name]) => name)]);
  assert.equal(code, 2, stderr);
  for (const [, , pattern] of files) assert.match(stderr, pattern);
  assert.deepEqual(await place.json(['pipeline', 'list']), []);
});

test('a bad file is not run either', async () => {
  const file = badFiles.find((path) => path.endsWith('cycle.yaml'))!;
  const { code, stderr } = await place.run(['run', file]);
  assert.equal(code, 2);
  assert.match(stderr, /cycle\.yaml:\d+:\d+: .*a -> c -> b -> a\n/);
  assert.deepEqual(await place.json(['runs', 'list']), []);
});

test('apply shows the difference, keeps every version, and changes nothing twice', async () => {
  const first = 'name: kept\nprocessors:\n  a: { run: "true" }\n  b: { needs: a, run: echo one }\n';
  const file = place.write('kept.yaml', first);
  assert.equal(
    await place.out(['pipeline', 'apply', file]),
    'kept  created, version 1 (2 processors)\n  + a\n  + b\n',
  );
  // Written otherwise, it means the same.
  place.write('kept.yaml', `# A comment\n${first.replace('needs: a', 'needs: [ a ]')}`);
  assert.equal(await place.out(['pipeline', 'apply', file]), 'kept  unchanged, version 1\n');

  const second = 'name: kept\nprocessors:\n  b: { run: echo two }\n  c: { needs: b, uses: noop }\n';
  place.write('kept.yaml', second);
  const diff = await place.out(['pipeline', 'diff', file]);
  for (const line of [/^ {2}- a$/m, /^ {2}~ b\b.*/m, /^ {2}\+ c$/m]) assert.match(diff, line);
  assert.match(diff, /echo one.*\n?.*echo two/);
  assert.equal((await place.json(['pipeline', 'list']))[0].version, 1);
  assert.match(await place.out(['pipeline', 'apply', file]), /^kept {2}is now version 2\b/);

  assert.equal(await place.out(['pipeline', 'get', 'kept']), second);
  assert.match(await place.out(['pipeline', 'get', 'kept', '--pipeline-version', '1']), /echo one/);
  assert.match(await place.out(['run', 'kept']), /c {2}Succeeded/);
  await place.out(['run', 'kept', '--pipeline-version', '1']);
  assert.equal(await place.out(['runs', 'logs', 'latest', 'b']), 'one\n');
  assert.match(await place.out(['pipeline', 'graph', 'kept', '--format', 'mermaid']), /flowchart/);

  await place.out(['pipeline', 'delete', 'kept']);
  const gone = await place.run(['run', 'kept']);
  assert.equal(gone.code, 2);
  assert.match(gone.stderr, /kept/);
});

test('applied at once from many places, each change is one version, in order', async () => {
  const text = (n: number) => `name: raced\nprocessors:\n  a: { run: echo ${n} }\n`;
  const files = [0, 1, 2, 3].map((n) => place.write(`raced-${n}.yaml`, text(n)));
  const answers = await Promise.all(files.map((file) => place.json(['pipeline', 'apply', file])));
  const versions = answers.map(({ pipelines }) => pipelines[0].version);
  assert.deepEqual([...versions].sort(), [1, 2, 3, 4]);
  const kept = await Promise.all(
    versions.map((version) => place.out(['pipeline', 'get', 'raced', '--pipeline-version', `${version}`])),
  );
  assert.deepEqual(kept, [0, 1, 2, 3].map(text));
  assert.equal((await place.json(['pipeline', 'list']))[0].version, 4);

  // The same text from two places at once is one version.
  const same = place.write('raced-same.yaml', text(9));
  const twice = await Promise.all([same, same].map((file) => place.json(['pipeline', 'apply', file])));
  assert.deepEqual(
    twice.map(({ pipelines }) => pipelines[0].version),
    [5, 5],
  );
});
