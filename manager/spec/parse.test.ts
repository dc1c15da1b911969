import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { WizError } from '../../proto/error.ts';
import { formatDiagnostic } from './diagnostic.ts';
import { type CallType, parsePipelines } from './parse.ts';

const CATALOGUE: CallType[] = [
  { name: 'noop', optionsSchemaJson: '{"type":"object","properties":{},"additionalProperties":false}' },
  {
    name: 'file',
    optionsSchemaJson: JSON.stringify({
      type: 'object',
      properties: { action: { type: 'string', enum: ['read', 'write'] } },
      required: ['action'],
      additionalProperties: false,
    }),
  },
  {
    name: 'http',
    optionsSchemaJson: JSON.stringify({
      type: 'object',
      properties: {
        url: { type: 'string', format: 'uri' },
        method: { type: 'string', enum: ['GET', 'POST'], default: 'GET' },
        headers: { type: 'object', additionalProperties: { type: 'string' } },
        expect: { anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'integer' } }] },
        page: { type: 'object', properties: { size: { type: 'integer', maximum: 100 } } },
      },
      required: ['url'],
      additionalProperties: false,
    }),
  },
];

function parse(text: string | Uint8Array, catalogue?: CallType[]) {
  const content = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return parsePipelines([{ path: 'p.yaml', content, baseDir: '/base' }], catalogue).pipelines;
}

/** What is wrong, one line each; empty when nothing is. */
function errorsOf(text: string | Uint8Array, catalogue?: CallType[]): string[] {
  try {
    parse(text, catalogue);
    return [];
  } catch (error) {
    assert(error instanceof WizError, `not a WizError: ${error}`);
    assert.equal(error.code, 'invalid_argument');
    return error.diagnostics.map(formatDiagnostic);
  }
}

/** A pipeline with these lines below `processors:`. */
const withProcessors = (...lines: string[]) =>
  `name: x\nprocessors:\n${lines.map((l) => `  ${l}\n`).join('')}`;

describe('a right file', () => {
  test('becomes a spec with every default filled in', () => {
    const [pipeline] = parse(withProcessors('only: { run: date }'));
    assert.deepEqual(pipeline!.spec, {
      name: 'x',
      description: '',
      params: {},
      context: {},
      labels: {},
      concurrency: null,
      workdir: '/base',
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
        },
      ],
    });
  });

  test('may use every key', () => {
    const [pipeline] = parse(readFileSync(new URL('fixtures/every-key.yaml', import.meta.url)), [looseHttp]);
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
    const [list, parse_, report] = processors;
    assert.deepEqual(list!.action, {
      kind: 'script',
      text: 'find "${ROOT}" -name package.json',
      shell: 'bash',
    });
    assert.deepEqual([list!.retries.limit, list!.timeoutMs, list!.graceMs], [0, 600_000, 5_000]);
    assert.deepEqual(parse_!.action, { kind: 'program', argv: ['node', 'parse.mjs', '${ROOT}', '5'] });
    assert.deepEqual(parse_!.env, { LOG_LEVEL: 'debug', DATE_OF_RUN: '${DATE}' });
    assert.equal(parse_!.workdir, '/tools');
    assert.deepEqual([parse_!.timeoutMs, parse_!.graceMs], [null, 90_000]);
    assert.deepEqual(parse_!.retries, { limit: 2, initialMs: 2000, maxMs: 60_000, factor: 2, jitter: 0.1 });
    assert.deepEqual(report!.needs, ['parse']);
    assert.equal(report!.onFailure, 'warn');
  });

  test('may hold several documents, each with its own source', () => {
    const text =
      '# one\nname: a\nprocessors: { p: { run: x } }\n---\n# two\nname: b\nprocessors: { p: { run: y } }\n---\n';
    const pipelines = parse(text);
    assert.deepEqual(
      pipelines.map(({ spec }) => spec.name),
      ['a', 'b'],
    );
    assert.equal(pipelines.map(({ source }) => source).join(''), text);
    for (const { spec, source } of pipelines) assert.deepEqual(parse(source)[0]!.spec, spec);
  });

  test('may share parts with anchors and merge keys', () => {
    const [pipeline] = parse(
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

  test('keeps the order of processors, whatever their names', () => {
    const [pipeline] = parse(
      withProcessors('b: { run: x }', '10: { run: x }', 'a: { run: x }', '2: { run: x }'),
    );
    assert.deepEqual(
      pipeline!.spec.processors.map(({ name }) => name),
      ['b', '10', 'a', '2'],
    );
  });

  test('may start with a byte order mark and end its lines with CR LF', () => {
    const [pipeline] = parse(
      '\uFEFFname: x\r\nprocessors:\r\n  a:\r\n    run: |\r\n      one\r\n      two\r\n',
    );
    assert.deepEqual(pipeline!.spec.processors[0]!.action, {
      kind: 'script',
      text: 'one\ntwo\n',
      shell: 'bash',
    });
  });

  test('is not slowed down by 20,000 processors', () => {
    const lines = Array.from({ length: 20_000 }, (_, index) =>
      index === 0
        ? 'p0: { run: start }'
        : `p${index}: { needs: [p${index - 1}], run: echo ${index}, retries: 3 }`,
    );
    const [pipeline] = parse(withProcessors(...lines));
    assert.equal(pipeline!.spec.processors.length, 20_000);
  });
});

const looseHttp: CallType = { name: 'http', optionsSchemaJson: '{"type":"object"}' };

const BAD: [title: string, text: string, errors: string[]][] = [
  // -- files that are no pipeline
  ['empty', '', ['p.yaml: the file is empty. A pipeline needs a name and processors.']],
  ['spaces only', ' \n\n', ['p.yaml: the file is empty. A pipeline needs a name and processors.']],
  [
    'comments only',
    '# x\n',
    ['p.yaml: the file holds no pipeline, only comments. A pipeline needs a name and processors.'],
  ],
  ['a list', '- a\n', ['p.yaml:1:1: a pipeline file must be a map with name and processors, not a list.']],
  ['a text', 'hello\n', ['p.yaml:1:1: a pipeline file must be a map with name and processors, not "hello".']],
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

  // -- syntax
  [
    'a tab',
    withProcessors('a:', '\trun: x'),
    ['p.yaml:4:3: there is a tab in the indentation. YAML indents with spaces only.'],
  ],
  [
    'a colon in plain text',
    withProcessors('a: { program: [x] }', 'b:', '  run: echo a: b'),
    [
      'p.yaml:5:10: a key and its value stand where only a value can. Put text that holds ": " in quotes, or write it below a |. Or is the next line indented too far?',
    ],
  ],
  ['an open quote', 'name: "x\n', ['p.yaml:2:1: missing closing "quote.']],
  [
    'an unknown tag',
    'name: !secret x\n',
    ['p.yaml:1:7: unresolved tag: !secret. Pipeline files need no tags; remove it.'],
  ],
  [
    'an old YAML',
    '%YAML 1.1\n---\nname: x\n',
    ['p.yaml:1:1: the file asks for an old version of YAML; pipeline files are YAML 1.2. Remove %YAML.'],
  ],
  [
    'a star without quotes',
    withProcessors('a: { run: *.log }'),
    [
      'p.yaml:3:13: there is no anchor "&.log" above this alias "*.log". Put text that starts with * in quotes.',
    ],
  ],
  [
    'an alias in its own anchor',
    withProcessors('a: &a { run: x, needs: *a }'),
    ['p.yaml:3:26: the alias "*a" stands inside its own anchor.'],
  ],
  [
    'a merge of text',
    withProcessors('a: { <<: x, run: y }'),
    ['p.yaml:3:8: the merge key "<<" takes a map, or a list of maps. Write for example <<: *common.'],
  ],

  // -- keys
  [
    'an unknown key',
    withProcessors('parse:', '  need: []', '  run: x'),
    ['p.yaml:4:5: unknown key "need" in processor "parse". Did you mean "needs"?'],
  ],
  [
    'an unknown key of the pipeline',
    `nme: y\n${withProcessors('a: { run: x }')}`,
    ['p.yaml:1:1: unknown key "nme". Did you mean "name"?'],
  ],
  [
    'a key of other systems',
    withProcessors('a: { command: x }'),
    [
      'p.yaml:3:3: processor "a" has nothing to do: it needs one of run, program or uses.',
      'p.yaml:3:8: unknown key "command" in processor "a". wiz calls it "run".',
    ],
  ],
  [
    'keys of later versions',
    withProcessors('a: { run: x, each: y, queue: cpu }'),
    [
      'p.yaml:3:16: this version of wiz does not have the key "each" in processor "a". Remove it.',
      'p.yaml:3:25: this version of wiz does not have the key "queue" in processor "a". Remove it.',
    ],
  ],
  [
    'a key one level too high',
    `timeout: 5s\n${withProcessors('a: { run: x }')}`,
    ['p.yaml:1:1: unknown key "timeout". Write it in a processor, or under "defaults" for all of them.'],
  ],
  [
    'an unknown key deep down',
    withProcessors('a: { run: x, retries: { backoff: { intial: 1s } } }'),
    ['p.yaml:3:38: unknown key "intial" in "retries.backoff" of processor "a". Did you mean "initial"?'],
  ],
  [
    'a duplicate key',
    withProcessors('a:', '  run: x', '  run: y'),
    [
      'p.yaml:5:5: duplicate key "run" in processor "a"; the first is at line 4, column 5. Remove or rename one.',
    ],
  ],
  [
    'a duplicate processor',
    withProcessors('a: { run: x }', 'b: { run: x }', 'a: { run: y }'),
    ['p.yaml:5:3: duplicate processor "a"; the first is at line 3, column 3. Remove or rename one.'],
  ],
  [
    'a duplicate pipeline',
    `${withProcessors('a: { run: x }')}---\n${withProcessors('a: { run: x }')}`,
    ['p.yaml:5:7: duplicate pipeline "x"; the first is at p.yaml:1:7. Every pipeline has a name of its own.'],
  ],
  [
    'a dangerous key',
    withProcessors('a: { run: x, env: { __proto__: x } }'),
    ['p.yaml:3:23: the key "__proto__" is not allowed. Choose another name.'],
  ],
  [
    'a map as a key',
    withProcessors('a: { run: x }', '? [b]', ': { run: x }'),
    ['p.yaml:4:5: a key must be text.'],
  ],
  [
    'a name with a space',
    withProcessors('"a b": { run: x }'),
    [
      'p.yaml:3:3: the name "a b" in "processors" must start with a letter or digit, and hold only letters, digits, ".", "_" and "-" (at most 100).',
    ],
  ],
  [
    'a variable that wiz sets',
    withProcessors('a: { run: x, env: { WIZ_INPUT: y } }'),
    ['p.yaml:3:23: the name "WIZ_INPUT" in "env" of processor "a" is set by wiz itself.'],
  ],

  // -- values
  [
    'a number for a duration',
    withProcessors('a:', '  run: x', '  timeout: 10'),
    [
      'p.yaml:5:14: "timeout" of processor "a" must be a duration such as 10s, 1m30s, 500ms or 2h, or none, not the number 10. Write 10s for seconds.',
    ],
  ],
  [
    'a time-out of nothing',
    withProcessors('a: { run: x, timeout: 0s }'),
    ['p.yaml:3:25: "timeout" of processor "a" must be longer than 0 (for no time-out write none).'],
  ],
  [
    'a duration of months',
    withProcessors('a: { run: x, grace: 90d }'),
    ['p.yaml:3:23: "grace" of processor "a" must be at most 24d.'],
  ],
  [
    'a text for a number',
    `concurrency: many\n${withProcessors('a: { run: x }')}`,
    ['p.yaml:1:14: "concurrency" must be a whole number from 1 to 100000, not "many".'],
  ],
  [
    'too many retries',
    withProcessors('a: { run: x, retries: { limit: -1 } }'),
    [
      'p.yaml:3:34: "retries.limit" of processor "a" must be a whole number from 0 to 1000, not the number -1.',
    ],
  ],
  [
    'a back-off upside down',
    withProcessors('a: { run: x, retries: { backoff: { initial: 2m, max: 1m } } }'),
    ['p.yaml:3:27: "retries.backoff" of processor "a" has an initial wait that is longer than max.'],
  ],
  [
    'a value left out',
    withProcessors('a:', '  run: x', '  env:'),
    [
      'p.yaml:5:5: "env" of processor "a" must be a map of names and texts, but it is empty. Give it a value, or remove it.',
    ],
  ],
  [
    'a number for a name',
    'name: 7\nprocessors: { a: { run: x } }\n',
    ['p.yaml:1:7: "name" must be a name, not the number 7. Write it in quotes: "7".'],
  ],
  [
    'a choice that is none',
    withProcessors('a: { run: x, onFailure: ignore, shell: zsh }'),
    [
      'p.yaml:3:27: "onFailure" of processor "a" must be fail or warn, not "ignore".',
      'p.yaml:3:42: "shell" of processor "a" must be bash, sh, python or node, not "zsh".',
    ],
  ],
  [
    'a program as text',
    withProcessors('a: { program: ls -l }'),
    [
      'p.yaml:3:17: "program" of processor "a" must be a list: the program, then its arguments, not "ls -l". Write program: [NAME, ARGUMENT], or use run for a line of shell.',
    ],
  ],
  [
    'two actions',
    withProcessors('a: { run: x, uses: noop }'),
    ['p.yaml:3:3: processor "a" has run and uses, but can have only one of them.'],
  ],
  [
    'options without uses',
    withProcessors('a: { run: x, with: {} }'),
    ['p.yaml:3:3: processor "a" has with, but no uses for it.'],
  ],
  [
    'a NUL in text',
    withProcessors('a: { run: "x\\0" }'),
    ['p.yaml:3:13: the text holds a character that no program can take (NUL or half a surrogate pair).'],
  ],
  [
    'numbers that JSON does not have',
    withProcessors('a: { uses: noop, with: { a: .nan, b: [12345678901234567890] } }'),
    [
      'p.yaml:3:28: unknown key "a" in "with" of processor "a". There are no keys here.',
      'p.yaml:3:31: .nan is not a number that JSON can hold. Put it in quotes.',
      'p.yaml:3:37: unknown key "b" in "with" of processor "a". There are no keys here.',
      'p.yaml:3:41: 12345678901234567890 has more digits than a number keeps. Put it in quotes.',
    ],
  ],

  // -- needs
  [
    'a need of nothing',
    withProcessors('list: { run: x }', 'parse: { needs: [lsit], run: x }'),
    ['p.yaml:4:20: processor "parse" needs "lsit", which does not exist. Did you mean "list"?'],
  ],
  [
    'a need of itself',
    withProcessors('a: { needs: a, run: x }'),
    ['p.yaml:3:15: processor "a" needs itself. Remove it from needs.'],
  ],
  [
    'a need twice',
    withProcessors('a: { run: x }', 'b: { needs: [a, a], run: x }'),
    ['p.yaml:4:19: processor "b" needs "a" twice. Remove one.'],
  ],
  [
    'a cycle',
    withProcessors(
      'a: { needs: b, run: x }',
      'b: { needs: [c], run: x }',
      'c: { needs: [a], run: x }',
      'd: { needs: c, run: x }',
    ),
    ['p.yaml:5:16: processors need each other in a cycle: a -> b -> c -> a. Remove one of these needs.'],
  ],
  [
    'two cycles',
    withProcessors(
      'a: { needs: b, run: x }',
      'b: { needs: a, run: x }',
      'c: { needs: d, run: x }',
      'd: { needs: c, run: x }',
    ),
    [
      'p.yaml:4:15: processors need each other in a cycle: a -> b -> a. Remove one of these needs.',
      'p.yaml:6:15: processors need each other in a cycle: c -> d -> c. Remove one of these needs.',
    ],
  ],

  // -- macros and expressions
  [
    'an unknown macro',
    `params: { root: x }\n${withProcessors('a:', '  program: [find, "in ${RUT} or ${ROOT}"]')}`,
    ['p.yaml:5:25: unknown macro "${RUT}". Did you mean "${ROOT}"?'],
  ],
  [
    'a macro in small letters',
    `params: { root: x }\n${withProcessors('a: { run: x, env: { R: "${root}" } }')}`,
    ['p.yaml:4:27: unknown macro "${root}". Did you mean "${ROOT}"?'],
  ],
  [
    'a macro far from all',
    withProcessors('a: { program: [echo, "${HOSTNAME}"] }'),
    [
      'p.yaml:3:25: unknown macro "${HOSTNAME}". Known macros: RUN_ID, PIPELINE, DATE, TIME, DATETIME. For these characters as they are write $${ in place of ${.',
    ],
  ],
  [
    'a macro that is none',
    withProcessors('a: { program: [echo, "${A:-b}"] }'),
    ['p.yaml:3:25: "${A:-b}" is not a macro. For these characters as they are write $${ in place of ${.'],
  ],
  [
    'context in context',
    `context: { A: x, B: "\${A}" }\n${withProcessors('a: { run: x }')}`,
    [
      'p.yaml:1:22: a context value cannot use the context key "A". Only params and built-in macros work here.',
    ],
  ],
  [
    'an expression in a block of text',
    withProcessors('a:', '  run: |', '    echo', '      ${{ outputs.x }}'),
    [
      'p.yaml:6:9: this version of wiz does not have expressions: "${{ outputs.x }}". Use a macro such as ${NAME}, or read the file WIZ_INPUT in a program.',
    ],
  ],
  [
    'a macro in workdir',
    withProcessors('a: { run: x, workdir: "${DATE}" }'),
    ['p.yaml:3:26: macros do not work here: "${DATE}". Write it out.'],
  ],

  // -- params
  [
    'a default of the wrong type',
    `params: { n: { type: integer, default: 1.5 } }\n${withProcessors('a: { run: x }')}`,
    ['p.yaml:1:40: the default of param "n" must be a whole number, not the number 1.5.'],
  ],
  [
    'a default outside enum',
    `params: { n: { enum: [a, b], default: c } }\n${withProcessors('a: { run: x }')}`,
    ['p.yaml:1:39: the default of param "n" must be one of a, b, not "c".'],
  ],
  [
    'params with one variable',
    `params: { api-url: x, apiUrl: y }\n${withProcessors('a: { run: x }')}`,
    ['p.yaml:1:23: params "api-url" and "apiUrl" would both be the variable API_URL. Choose another name.'],
  ],
  [
    'params with names of others',
    `params: { date: x, path: y }\n${withProcessors('a: { run: x }')}`,
    [
      'p.yaml:1:11: param "date" would be the variable DATE, which wiz itself sets. Choose another name.',
      'p.yaml:1:20: param "path" would be the variable PATH, which programs need as it is. Choose another name.',
    ],
  ],

  // -- uses and with
  [
    'an unknown processor',
    withProcessors('a: { uses: htp }'),
    ['p.yaml:3:14: there is no processor "htp" to use. Did you mean "http"?'],
  ],
  [
    'wrong options',
    withProcessors(
      'a:',
      '  uses: http',
      '  with:',
      '    url: example',
      '    method: PUSH',
      '    hedders: {}',
      '    headers: { n: 1 }',
      '    expect: [200, ok]',
      '    page: { size: 500 }',
    ),
    [
      'p.yaml:6:12: "with.url" of processor "a" must be a URL, not "example".',
      'p.yaml:7:15: "with.method" of processor "a" must be one of GET, POST, not "PUSH".',
      'p.yaml:8:7: unknown key "hedders" in "with" of processor "a". Did you mean "headers"?',
      'p.yaml:9:21: "with.headers.n" of processor "a" must be text, not the number 1. Write it in quotes: "1".',
      'p.yaml:10:21: "with.expect[1]" of processor "a" must be a number, not "ok".',
      'p.yaml:11:21: "with.page.size" of processor "a" must be at most 100, not the number 500.',
    ],
  ],
  [
    'options left out',
    withProcessors('a: { uses: http }'),
    ['p.yaml:3:3: "with" of processor "a" has no "url". Add "url:".'],
  ],
  [
    'a choice left out',
    withProcessors('a: { uses: file, with: {} }'),
    ['p.yaml:3:20: "with" of processor "a" has no "action". Add "action:" with one of read, write.'],
  ],
  [
    'options that a macro cannot make right',
    `params: { n: 5 }\n${withProcessors('a: { uses: http, with: { url: "${N}", method: "${N}", expect: "${N}", page: { size: "1${N}" } } }')}`,
    ['p.yaml:4:87: "with.page.size" of processor "a" must be a number, not "1${N}".'],
  ],
];

describe('a wrong file is refused with every place and what to do', () => {
  for (const [title, text, errors] of BAD) {
    test(title, () => assert.deepEqual(errorsOf(text, CATALOGUE), errors));
  }

  test('bytes that are no text', () => {
    const bytes = (...values: number[]) => errorsOf(new Uint8Array(values));
    assert.deepEqual(bytes(0x7f, 0x45, 0x4c, 0x46, 10, 120, 0), [
      'p.yaml:2:2: there is a NUL byte; this is not a text file. Is it the right file?',
    ]);
    assert.deepEqual(bytes(97, 10, 0xc3, 0xa9, 98, 0xff), [
      'p.yaml:2:3: the text is not valid UTF-8. Save the file as UTF-8.',
    ]);
    assert.deepEqual(bytes(0xff, 0xfe, 97, 0), [
      'p.yaml: the file is UTF-16; a pipeline file is UTF-8. Save it as UTF-8.',
    ]);
  });

  test('a file of 5 MB', () => {
    assert.deepEqual(errorsOf('# '.repeat(2_500_000)), [
      'p.yaml: the file has 4.8 MiB; a pipeline file has at most 4 MiB. Is it the right file?',
    ]);
  });

  test('a bomb of aliases', () => {
    const lines = [
      'a: &a0 { run: x }',
      'b:',
      '  uses: noop',
      '  with:',
      '    k0: &k0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]',
    ];
    for (let level = 1; level < 30; level++) {
      lines.push(
        `    k${level}: &k${level} [${Array(9)
          .fill(`*k${level - 1}`)
          .join(', ')}]`,
      );
    }
    assert.deepEqual(errorsOf(withProcessors(...lines)), [
      'p.yaml:13:36: aliases would add more than 16 MiB to this file. Write the repeated part once.',
    ]);
  });

  test('maps and lists nested without end', () => {
    const deep = withProcessors(`a: { uses: noop, with: { x: ${'['.repeat(200)}${']'.repeat(200)} } }`);
    assert.deepEqual(errorsOf(deep), ['p.yaml:3:127: maps and lists are nested more than 100 deep.']);
    const chain = Array.from({ length: 200 }, (_, i) => (i === 0 ? '&a0 []' : `&a${i} [*a${i - 1}]`));
    const [first] = errorsOf(withProcessors(`a: { uses: noop, with: { x: [${chain.join(', ')}] } }`));
    assert.match(first!, /aliases nest maps and lists more than 100 deep/);
  });

  test('a cycle of thousands is named in short', () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `p${i}: { needs: p${(i + 1) % 20_000}, run: x }`);
    const [error, ...others] = errorsOf(withProcessors(...lines));
    assert.deepEqual(others, []);
    assert.match(error!, /^p\.yaml:20002:\d+: .*: p0 -> p1 -> .* -> \(19981 more\) -> .* -> p19999 -> p0\./);
  });

  test('thousands of errors are told up to a thousand', () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => `p${i}: { needs: q${i}, run: x }`);
    const errors = errorsOf(withProcessors(...lines));
    assert.equal(errors.length, 1001);
    assert.equal(errors.at(-1), 'p.yaml: 2000 more errors are not shown.');
  });

  test('all files at once, and no pipeline of any', () => {
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
    assert.throws(
      () => parsePipelines(files),
      (error: WizError) => {
        assert.equal(error.message, '3 errors in bad.yaml, same.yaml.');
        assert.deepEqual(error.diagnostics.map(formatDiagnostic), [
          'bad.yaml:1:1: the pipeline has no "processors". Add "processors:".',
          'same.yaml:1:7: duplicate pipeline "x"; the first is at good.yaml:1:7. Every pipeline has a name of its own.',
          'same.yaml:3:16: unknown key "need" in processor "a". Did you mean "needs"?',
        ]);
        return true;
      },
    );
  });
});

describe('whatever is in a file', () => {
  const fragment = fc.constantFrom(
    ...[
      'name',
      'processors',
      'run',
      'needs',
      'uses',
      'with',
      'params',
      'default',
      'retries',
      'a',
      'b',
      '1',
      '.nan',
    ],
    ...[
      ': ',
      ':\n  ',
      '\n',
      '\n  ',
      '\n    ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ', ',
      '"',
      "'",
      '|\n   ',
      '>\n  ',
      '# ',
      '\t',
    ],
    ...[
      '&a ',
      '*a',
      '<<: *a',
      '? ',
      '!!str ',
      '!x ',
      '---\n',
      '...\n',
      '%YAML 1.1\n',
      '${',
      '${{',
      '}}',
      '$${',
      '\\',
      '~',
    ],
  );

  test('it is a spec or a WizError with places inside the file', () => {
    const texts = fc.oneof(
      fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join('')),
      fc
        .array(fragment, { maxLength: 20 })
        .map((parts) => `name: x\nprocessors:\n  a:\n    ${parts.join('')}`),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    fc.assert(fc.property(texts, checkPlaces), { numRuns: 1500 });
  });

  test('any JSON in place of any key', () => {
    const key = fc.constantFrom(
      'params',
      'context',
      'labels',
      'defaults',
      'processors',
      'workdir',
      'concurrency',
    );
    const inner = fc.constantFrom(
      'run',
      'program',
      'needs',
      'env',
      'with',
      'retries',
      'timeout',
      'uses',
      'shell',
    );
    const value = fc.jsonValue({ maxDepth: 3 });
    const pipeline = fc
      .tuple(fc.dictionary(key, value), fc.dictionary(inner, value))
      .map(([outer, processor]) => JSON.stringify({ name: 'x', processors: { a: processor }, ...outer }));
    fc.assert(fc.property(pipeline, checkPlaces), { numRuns: 500 });
  });

  test('any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void errorsOf(bytes, CATALOGUE)));
  });

  function checkPlaces(text: string): void {
    const content = new TextEncoder().encode(text);
    const lines = new TextDecoder().decode(content).split('\n');
    try {
      parsePipelines([{ path: 'p.yaml', content, baseDir: '/' }], CATALOGUE);
    } catch (error) {
      assert(error instanceof WizError, `not a WizError: ${(error as Error).stack}`);
      assert(error.diagnostics.length > 0);
      for (const { line, column } of error.diagnostics) {
        if (line === 0) continue;
        assert(line <= lines.length, `line ${line} of ${lines.length}`);
        assert(column >= 1 && column <= lines[line - 1]!.length + 1, `column ${column} of line ${line}`);
      }
    }
  }

  test('needs are accepted exactly when processors can be put in an order', () => {
    const graphs = fc
      .integer({ min: 1, max: 8 })
      .chain((size) =>
        fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size }),
      );
    fc.assert(
      fc.property(graphs, (needs) => {
        const lines = needs.map(
          (list, index) => `p${index}: { run: x, needs: [${list.map((n) => `p${n}`)}] }`,
        );
        assert.equal(errorsOf(withProcessors(...lines)).length === 0, hasOrder(needs));
      }),
    );
  });

  function hasOrder(needs: number[][]): boolean {
    const done = new Set<number>();
    for (let round = 0; round < needs.length; round++) {
      for (const [index, list] of needs.entries()) if (list.every((need) => done.has(need))) done.add(index);
    }
    return done.size === needs.length;
  }
});
