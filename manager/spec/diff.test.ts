import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Change } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import { diffSpecs, stableJson } from './diff.ts';
import type { HookSpec } from './hook-spec.ts';
import { parsePipelines } from './parse.ts';
import type {
  ActionSpec,
  JsonObject,
  JsonValue,
  OutputsSpec,
  PipelineSpec,
  ProcessorSpec,
  SecretSpec,
} from './spec.ts';
import type { TriggerSpec } from './trigger-spec.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

async function specOf(text: string): Promise<PipelineSpec> {
  const content = new TextEncoder().encode(text);
  return (await parsePipelines([{ path: 'p.yaml', content, baseDir: '/base' }])).pipelines[0]!.spec;
}

const BEFORE = await specOf(`name: x
labels: { a.b: one }
processors:
  list: { run: ls, timeout: 60s, retries: 1 }
  call: { uses: http, with: { url: a, headers: { accept: x } } }
  gone: { run: x }
`);

describe('the difference', () => {
  test('of a new pipeline is its processors', () => {
    const { change, fields, processors } = diffSpecs(undefined, BEFORE);
    assert.equal(change, Change.CREATED);
    assert.deepEqual(fields, []);
    assert.deepEqual(
      processors.map(({ name, change }) => [name, change]),
      ['list', 'call', 'gone'].map((name) => [name, Change.CREATED]),
    );
  });

  test('names what was created, updated and removed, in the words of the file', async () => {
    const after = await specOf(`name: x
concurrency: 2
labels: { a.b: two }
processors:
  list: { program: [ls], timeout: none, retries: { limit: 2, backoff: { max: 2m } } }
  call: { uses: http, with: { url: a, headers: { accept: y, "x y": z } }, needs: list }
  new: { run: x }
`);
    const field = (path: string, before: unknown, is: unknown) => ({
      path,
      beforeJson: before === undefined ? '' : JSON.stringify(before),
      afterJson: is === undefined ? '' : JSON.stringify(is),
    });
    assert.deepEqual(diffSpecs(BEFORE, after), {
      change: Change.UPDATED,
      fields: [field('labels."a.b"', 'one', 'two'), field('concurrency', null, 2)],
      processors: [
        {
          name: 'list',
          change: Change.UPDATED,
          fields: [
            field('run', 'ls', undefined),
            field('shell', 'bash', undefined),
            field('retries.limit', 1, 2),
            field('retries.backoff.max', '1m', '2m'),
            field('timeout', '1m', 'none'),
            field('program', undefined, ['ls']),
          ],
        },
        {
          name: 'call',
          change: Change.UPDATED,
          fields: [
            field('needs', [], ['list']),
            field('with.headers.accept', 'x', 'y'),
            field('with.headers."x y"', undefined, 'z'),
          ],
        },
        { name: 'new', change: Change.CREATED, fields: [] },
        { name: 'gone', change: Change.REMOVED, fields: [] },
      ],
    });
  });

  test('does not see how a file is written', async () => {
    const other = await specOf(`# a comment
processors:
  list: { retries: { limit: 1 }, timeout: 1m, run: ls, shell: bash, onFailure: fail }
  call: { with: { headers: { accept: x }, url: a }, uses: http, needs: [] }
  gone: { run: x }
labels: { a.b: one }
name: x
`);
    assert.deepEqual(diffSpecs(BEFORE, other), { change: Change.UNCHANGED, fields: [], processors: [] });
    assert.equal(stableJson(BEFORE), stableJson(other));
  });

  test('shows what flows and fans out by processor, and what the pipeline keeps', async () => {
    const before = await specOf(`name: x
processors:
  a: { run: x }
  b: { run: x, matrix: { os: [a], node: [1] } }
`);
    const after = await specOf(`name: x
timeZone: UTC
secrets: [S]
cache: { version: 1.10 }
outputs: { records: { table: t, rows: "\${{ outputs.b }}" } }
processors:
  a: { run: x, when: false, data: lines, secrets: S, cache: false }
  b: { run: x, matrix: { node: [1], os: [a] }, width: 2, needs: a, rule: all-done }
`);
    const { fields, processors } = diffSpecs(before, after);
    const texts = (list: typeof fields) => list.map((f) => `${f.path}: ${f.beforeJson} -> ${f.afterJson}`);
    assert.deepEqual(texts(fields), [
      'secrets.S:  -> {"env":"S"}',
      'timeZone: null -> "UTC"',
      'outputs:  -> {"files":{},"records":[{"rows":"${{ outputs.b }}","table":"t"}]}',
    ]);
    assert.deepEqual(
      processors.map(({ name, fields }) => [name, texts(fields)]),
      [
        ['a', ['when: true -> false', 'data: "auto" -> "lines"', 'secrets: [] -> ["S"]']],
        [
          'b',
          [
            'needs: [] -> ["a"]',
            'rule: "all-succeeded" -> "all-done"',
            'width: null -> 2',
            'cache: false -> {"env":[],"inputs":[],"key":"","version":"1.10"}',
            'matrix: ["os","node"] -> ["node","os"]',
          ],
        ],
      ],
    );
  });

  test('sees another order of processors', () => {
    const [first, ...others] = BEFORE.processors;
    const { change, fields, processors } = diffSpecs(BEFORE, { ...BEFORE, processors: [...others, first!] });
    assert.equal(change, Change.UPDATED);
    assert.deepEqual(processors, []);
    assert.deepEqual(fields, [
      { path: 'order', beforeJson: '["list","call","gone"]', afterJson: '["call","gone","list"]' },
    ]);
  });
});

test('two specs have no difference exactly when their stable JSON is the same', () => {
  const action: fc.Arbitrary<ActionSpec> = fc.oneof(
    fc.constantFrom('a', 'b').map((text) => ({ kind: 'script' as const, text, shell: 'bash' as const })),
    fc.constantFrom<string[]>(['a'], ['a', 'b']).map((argv) => ({ kind: 'program' as const, argv })),
    fc
      .dictionary(fc.constantFrom('k', 'l.m', '1'), fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true })
      .map((options) => ({ kind: 'call' as const, uses: 'x', with: options as JsonObject })),
  );
  const processor: fc.Arbitrary<ProcessorSpec> = fc.record({
    name: fc.constantFrom('p', 'q', 'r'),
    description: fc.constant(''),
    needs: fc.constantFrom<string[]>([], ['p']),
    action,
    env: fc.dictionary(fc.constantFrom('A', 'B'), fc.constantFrom('1', '2'), { noNullPrototype: true }),
    workdir: fc.constantFrom(null, '/w'),
    retries: fc.constant({ limit: 0, initialMs: 1, maxMs: 2, factor: 2, jitter: 0 }),
    timeoutMs: fc.constantFrom(null, 0, 1000, 1001),
    graceMs: fc.constantFrom(1, 60_000),
    onFailure: fc.constantFrom('fail' as const, 'warn' as const),
    when: fc.constantFrom(null, 'false', '${{ true }}'),
    rule: fc.constantFrom('all-succeeded' as const, 'all-done' as const),
    each: fc.constantFrom<JsonValue>(null, [], [1], '${{ x }}'),
    matrix: fc.oneof(
      fc.constant(null),
      // Orders of names differ too.
      fc
        .uniqueArray(
          fc.tuple(fc.constantFrom('m', 'n', 'o'), fc.constantFrom<JsonValue>([1], [1, 2], '${{ x }}')),
          {
            selector: ([key]) => key,
          },
        )
        .map((entries) => Object.fromEntries(entries)),
    ),
    width: fc.constantFrom(null, 1),
    failFast: fc.boolean(),
    data: fc.constantFrom('auto' as const, 'json' as const),
    cache: fc.oneof(
      fc.constant(null),
      fc.record({
        inputs: fc.constantFrom<string[]>([], ['*.ts']),
        env: fc.constantFrom<string[]>([], ['A']),
        version: fc.constantFrom('', '1'),
        key: fc.constantFrom('', '${{ x }}'),
      }),
    ),
    secrets: fc.constantFrom<string[]>([], ['S']),
  });
  const trigger: fc.Arbitrary<TriggerSpec> = fc.record({
    name: fc.constantFrom('s', 't'),
    schedule: fc.constantFrom<TriggerSpec['schedule']>(
      { kind: 'every', everyMs: 1000 },
      { kind: 'every', everyMs: 1001 },
      { kind: 'cron', cron: '0 0 * * *', timeZone: null },
    ),
    params: fc.constantFrom<Record<string, string>>({}, { a: '1' }),
    overlap: fc.constantFrom('skip' as const, 'queue' as const),
    catchUp: fc.constant('last' as const),
    paused: fc.boolean(),
  });
  const spec: fc.Arbitrary<PipelineSpec> = fc.record({
    name: fc.constant('x'),
    description: fc.constantFrom('', 'd'),
    params: fc.constant({}),
    context: fc.dictionary(fc.constantFrom('A', 'B'), fc.constantFrom('1', '2'), { noNullPrototype: true }),
    labels: fc.constant({}),
    concurrency: fc.constantFrom(null, 1),
    workdir: fc.constant('/w'),
    timeZone: fc.constantFrom(null, 'UTC'),
    secrets: fc.dictionary(
      fc.constantFrom('S', 'T'),
      fc.constantFrom<SecretSpec>({ env: 'S' }, { file: '/s' }, { command: ['s'] }),
      { noNullPrototype: true },
    ),
    staging: fc.constantFrom('on-failure' as const, 'never' as const),
    affinity: fc.constantFrom('none' as const, 'run' as const),
    outputs: fc.oneof(
      fc.constant(null),
      fc.record({
        files: fc.dictionary(fc.constantFrom('a', 'b/c.d'), fc.constantFrom('x', '${{ x }}'), {
          noNullPrototype: true,
        }),
        records: fc.constantFrom<OutputsSpec['records']>([], [{ table: 't', rows: '${{ x }}' }]),
      }),
    ),
    hooks: fc.constantFrom<HookSpec[]>(
      [],
      [{ on: ['run.failed'], processors: [], action: { kind: 'command', argv: ['x'] }, timeoutMs: 1000 }],
      [{ on: ['run.failed'], processors: ['p'], action: { kind: 'command', argv: ['x'] }, timeoutMs: 1001 }],
    ),
    // In the order of their names, as buildSpec leaves them.
    triggers: fc
      .uniqueArray(trigger, { selector: ({ name }) => name })
      .map((all) => all.sort((a, b) => (a.name < b.name ? -1 : 1))),
    processors: fc.uniqueArray(processor, { selector: ({ name }) => name, maxLength: 3 }),
  });
  const pairs = fc.oneof(
    fc.tuple(spec, spec),
    spec.map((one) => [one, structuredClone(one)] as const),
  );
  fc.assert(
    fc.property(pairs, ([before, after]) => {
      const same = stableJson(before) === stableJson(after);
      const { change, fields, processors } = diffSpecs(before, after);
      assert.equal(change === Change.UNCHANGED, same);
      assert.equal(fields.length + processors.length === 0, same);
    }),
    { numRuns: 500 },
  );
});
