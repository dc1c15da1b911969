import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { WizError } from '../../proto/error.ts';
import { formatDiagnostic } from './diagnostic.ts';
import { parsePipelines } from './parse.ts';

async function parse(text: string) {
  const { pipelines } = await parsePipelines([{ path: 'p.yaml', content: Buffer.from(text), baseDir: '' }]);
  return pipelines[0]!.spec;
}

async function complaints(text: string): Promise<string[]> {
  try {
    await parse(text);
    return [];
  } catch (error) {
    return (error as WizError).diagnostics.map(formatDiagnostic);
  }
}

suite("a file whose folder is not on the manager's machine", () => {
  test('has programs run in the staging folder', async () => {
    const spec = await parse('name: p\nprocessors:\n  a: { run: "true" }\n  b: { program: [node, x.mjs] }\n');
    assert.equal(spec.workdir, '');
  });

  test('may name folders that are absolute, and what is relative to those', async () => {
    const spec = await parse('name: p\nworkdir: /srv\nprocessors:\n  a: { program: [./x], workdir: /opt }\n');
    assert.equal(spec.workdir, '/srv');
    assert.equal(spec.processors[0]!.workdir, '/opt');
  });

  test('has no paths relative to it', async () => {
    const text = [
      'name: p',
      'secrets: { key: { file: key.txt } }',
      'processors:',
      '  a: { program: [./x], cache: { inputs: ["*.c"] } }',
      '  b: { run: "true", workdir: sub }',
      '  c: { program: ["${ROOT}/x"] }',
      'params: { ROOT: /r }',
      '',
    ].join('\n');
    const where = "is relative to the folder of this file, which is not on the manager's machine.";
    assert.deepEqual(await complaints(text), [
      `p.yaml:2:25: "secrets.key.file" ${where} Write an absolute path.`,
      `p.yaml:4:18: "program[0]" of processor "a" ${where} Write an absolute path, or a name that PATH finds.`,
      `p.yaml:4:42: "cache.inputs[0]" of processor "a" ${where} Write absolute paths.`,
      `p.yaml:5:30: "workdir" of processor "b" ${where} Write an absolute path, or leave it out: programs then run in the staging folder.`,
    ]);
  });
});
