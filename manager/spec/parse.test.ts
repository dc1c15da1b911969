import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { WizError } from '../../proto/error.ts';
import { formatDiagnostic } from './diagnostic.ts';
import { errorsOf, parse, testRefusals, withProcessors } from './fixtures/refusals.ts';
import { type CallType, parsePipelines } from './parse.ts';

describe('a right file', () => {
  test('becomes a spec with every default filled in', async () => {
    const [pipeline] = await parse(withProcessors('only: { run: date }'));
    assert.deepEqual(pipeline!.spec, {
      name: 'x',
      description: '',
      params: {},
      context: {},
      labels: {},
      concurrency: null,
      workdir: '/base',
      timeZone: null,
      secrets: {},
      staging: 'on-failure',
      affinity: 'none',
      outputs: null,
      hooks: [],
      triggers: [],
      processors: [
        {
          name: 'only',
          description: '',
          needs: [],
          action: { kind: 'script', text: 'date', shell: 'bash' },
          env: {},
          workdir: null,
          retries: { limit: 0, initialMs: 1000, maxMs: 60_000, factor: 2, jitter: 0.1 },
          timeoutMs: null,
          graceMs: 10_000,
          onFailure: 'fail',
          when: null,
          rule: 'all-succeeded',
          each: null,
          matrix: null,
          width: null,
          failFast: false,
          data: 'auto',
          cache: null,
          secrets: [],
        },
      ],
    });
  });

  test('may use every key', async () => {
    const [pipeline] = await parse(readFileSync(new URL('fixtures/every-key.yaml', import.meta.url)), [
      looseHttp,
    ]);
    const { processors, ...spec } = pipeline!.spec;
    assert.deepEqual(spec.params, {
      root: { type: 'string', description: '', required: false, default: 'node_modules' },
      'api-url': {
        type: 'string',
        description: 'where reports go',
        required: false,
        default: 'https://example.org',
      },
      size: { type: 'string', description: '', required: true, enum: ['small', 'large'] },
      width: { type: 'number', description: '', required: false, default: 80 },
    });
    assert.deepEqual(spec.context, { TEAM: 'platform', TITLE: 'audit of ${ROOT}', VERSION: '1.10' });
    assert.equal(spec.concurrency, 4);
    assert.equal(spec.workdir, '/base/scripts');
    assert.deepEqual(spec.secrets, {
      TOKEN: { env: 'GITHUB_TOKEN' },
      KEY: { file: '/base/keys/deploy.pem' },
      PASSWORD: { command: ['pass', 'show', 'registry'] },
    });
    assert.deepEqual([spec.timeZone, spec.staging, spec.affinity], ['Europe/Berlin', 'always', 'run']);
    assert.deepEqual(spec.outputs, {
      files: { 'parsed/all.json': '${{ outputs.parse }}' },
      records: [{ table: 'packages', rows: '${{ outputs.parse }}' }],
    });
    const [list, parse_, versions, report] = processors;
    assert.equal(list!.data, 'lines');
    assert.deepEqual(list!.cache, { inputs: [], env: ['LANG'], version: '1.10', key: '' });
    assert.deepEqual(
      [parse_!.each, parse_!.width, parse_!.failFast, parse_!.secrets],
      ['${{ outputs.list }}', 8, true, ['TOKEN', 'KEY']],
    );
    assert.deepEqual(parse_!.cache, {
      inputs: ['*.mjs'],
      env: ['LANG'],
      version: '1.10',
      key: '${{ params.size }}',
    });
    assert.deepEqual(versions!.matrix, { tool: ['npm', 'yarn'], version: '${{ outputs.list }}' });
    assert.deepEqual(
      [report!.rule, report!.when, report!.cache],
      ['none-failed', '${{ size(outputs.parse) > 0 }}', null],
    );
    assert.deepEqual(list!.action, {
      kind: 'script',
      text: 'find "${ROOT}" -name package.json',
      shell: 'bash',
    });
    assert.deepEqual([list!.retries.limit, list!.timeoutMs, list!.graceMs], [0, 600_000, 5_000]);
    assert.deepEqual(parse_!.action, {
      kind: 'program',
      argv: ['node', 'parse.mjs', '${ROOT}', '5', '${{ item }}'],
    });
    assert.deepEqual(parse_!.env, { LOG_LEVEL: 'debug', DATE_OF_RUN: '${DATE}' });
    assert.equal(parse_!.workdir, '/tools');
    assert.deepEqual([parse_!.timeoutMs, parse_!.graceMs], [null, 90_000]);
    assert.deepEqual(parse_!.retries, { limit: 2, initialMs: 2000, maxMs: 60_000, factor: 2, jitter: 0.1 });
    assert.deepEqual(report!.needs, ['parse', 'versions']);
    assert.equal(report!.onFailure, 'warn');
  });

  test('may hold several documents, each with its own source', async () => {
    const text =
      '# one\nname: a\nprocessors: { p: { run: x } }\n---\n# two\nname: b\nprocessors: { p: { run: y } }\n---\n';
    const pipelines = await parse(text);
    assert.deepEqual(
      pipelines.map(({ spec }) => spec.name),
      ['a', 'b'],
    );
    assert.equal(pipelines.map(({ source }) => source).join(''), text);
    for (const { spec, source } of pipelines) assert.deepEqual((await parse(source))[0]!.spec, spec);
  });

  test('may share parts with anchors and merge keys', async () => {
    const [pipeline] = await parse(
      withProcessors(
        'a: &base { run: one, timeout: 5s, env: &env { N: 010, B: true } }',
        'b: { <<: *base, run: two, needs: a }',
        'c: { run: three, env: *env }',
      ),
    );
    const [a, b, c] = pipeline!.spec.processors;
    assert.deepEqual(b!.action, { kind: 'script', text: 'two', shell: 'bash' });
    assert.deepEqual([a!.timeoutMs, b!.timeoutMs, c!.timeoutMs], [5000, 5000, null]);
    for (const { env } of [a!, b!, c!]) assert.deepEqual(env, { N: '010', B: 'true' });
  });

  test('keeps the order of processors, whatever their names', async () => {
    const [pipeline] = await parse(
      withProcessors('b: { run: x }', '10: { run: x }', 'a: { run: x }', '2: { run: x }'),
    );
    assert.deepEqual(
      pipeline!.spec.processors.map(({ name }) => name),
      ['b', '10', 'a', '2'],
    );
  });

  test('may start with a byte order mark and end its lines with CR LF', async () => {
    const [pipeline] = await parse(
      '\uFEFFname: x\r\nprocessors:\r\n  a:\r\n    run: |\r\n      one\r\n      two\r\n',
    );
    assert.deepEqual(pipeline!.spec.processors[0]!.action, {
      kind: 'script',
      text: 'one\ntwo\n',
      shell: 'bash',
    });
  });

  test('is not slowed down by 20,000 processors', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) =>
      index === 0
        ? 'p0: { run: start }'
        : `p${index}: { needs: [p${index - 1}], run: echo ${index}, retries: 3 }`,
    );
    const [pipeline] = await parse(withProcessors(...lines));
    assert.equal(pipeline!.spec.processors.length, 20_000);
  });
});

const looseHttp: CallType = { name: 'http', optionsSchemaJson: '{"type":"object"}' };

describe('a file that is no pipeline is refused', () => {
  testRefusals([
    ['empty', '', ['p.yaml:1:1: the file is empty. A pipeline needs a name and processors.']],
    ['spaces only', ' \n\n', ['p.yaml:1:1: the file is empty. A pipeline needs a name and processors.']],
    [
      'comments only',
      '# x\n',
      ['p.yaml:1:1: the file holds no pipeline, only comments. A pipeline needs a name and processors.'],
    ],
    ['a list', '- a\n', ['p.yaml:1:1: a pipeline file must be a map with name and processors, not a list.']],
    [
      'a text',
      'hello\n',
      ['p.yaml:1:1: a pipeline file must be a map with name and processors, not "hello".'],
    ],
    [
      'an empty map',
      '{}',
      [
        'p.yaml:1:1: the pipeline has no "name". Add "name:".',
        'p.yaml:1:1: the pipeline has no "processors". Add "processors:".',
      ],
    ],
    [
      'no processors',
      'name: x\nprocessors: {}\n',
      ['p.yaml:2:1: "processors" must have at least one processor.'],
    ],
    [
      'a list of processors',
      'name: x\nprocessors:\n  - name: a\n',
      [
        'p.yaml:3:3: "processors" must be a map of processors, not a list. Write each processor as "NAME:" with its keys below it, without a dash.',
      ],
    ],
  ]);
});

describe('a wrong file is refused', () => {
  test('thousands of errors are told up to a thousand', async () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => `p${i}: { needs: q${i}, run: x }`);
    const errors = await errorsOf(withProcessors(...lines));
    assert.equal(errors.length, 1001);
    assert.equal(errors.at(-1), 'p.yaml: 2000 more errors are not shown.');
  });

  test('all files at once, and no pipeline of any', async () => {
    const file = (path: string, text: string) => ({
      path,
      content: new TextEncoder().encode(text),
      baseDir: '/',
    });
    const files = [
      file('good.yaml', withProcessors('a: { run: x }')),
      file('bad.yaml', 'name: y\n'),
      file('same.yaml', withProcessors('a: { run: x, need: b }')),
    ];
    await assert.rejects(parsePipelines(files), (error: WizError) => {
      assert.equal(error.message, '3 errors in bad.yaml, same.yaml.');
      assert.deepEqual(error.diagnostics.map(formatDiagnostic), [
        'bad.yaml:1:1: the pipeline has no "processors". Add "processors:".',
        'same.yaml:1:7: duplicate pipeline "x"; the first is at good.yaml:1:7. Every pipeline has a name of its own.',
        'same.yaml:3:16: unknown key "need" in processor "a". Did you mean "needs"?',
      ]);
      return true;
    });
  });
});
