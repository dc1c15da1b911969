import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { WizError } from '../../proto/error.ts';
import { escapeMacros, fixMacros, hasMacros, type MacroValues } from './macros.ts';
import { parsePipelines } from './parse.ts';
import { checkCall, recheckCalls } from './recheck.ts';
import type { ActionSpec, JsonValue } from './spec.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

function specOf(text: string, catalogue?: { name: string; optionsSchemaJson: string }[]) {
  const content = new TextEncoder().encode(text);
  return parsePipelines([{ path: 'p.yaml', content, baseDir: '/base' }], catalogue).pipelines[0]!.spec;
}

const VALUES: MacroValues = {
  params: { root: 'src', width: 80, deep: true, shape: { a: [1] } },
  context: {},
  runId: '2abc',
  nowMs: Date.UTC(2026, 2, 1, 23, 30, 5),
  timeZone: 'UTC',
};

const HEAD = `name: audit
params:
  root: x
  width: 1
  deep: false
  shape: { type: json, required: false }
  note: { required: false }
  count: { type: number, required: false }
`;

/** The text or value that `with: { it: … }` becomes. */
function fixed(value: JsonValue, values: Partial<MacroValues> = {}): JsonValue {
  const spec = specOf(`${HEAD}processors: { a: { uses: x, with: { it: ${JSON.stringify(value)} } } }\n`);
  const { action } = fixMacros(spec, { ...VALUES, ...values }).processors[0]!;
  assert.equal(action.kind, 'call');
  return action.with.it!;
}

describe('macros are fixed', () => {
  test('in program, env, context and deep in with, and nowhere else', () => {
    const spec = specOf(`${HEAD}context: { TITLE: "\${PIPELINE} of \${ROOT}" }
processors:
  script: { run: 'echo "\${ROOT}"' , description: "\${ROOT}", env: { A: "\${TITLE}!" } }
  program: { program: [find, "\${ROOT}/\${WIDTH}"] }
  call: { uses: x, with: { deep: [{ text: "<\${ROOT}>" }], n: 5 } }
`);
    const run = fixMacros(spec, VALUES);
    assert.deepEqual(run.context, { TITLE: 'audit of src' });
    const [script, program, call] = run.processors;
    assert.deepEqual(script!.action, { kind: 'script', text: 'echo "${ROOT}"', shell: 'bash' });
    assert.equal(script!.description, '${ROOT}');
    assert.deepEqual(script!.env, { A: 'audit of src!' });
    assert.deepEqual(program!.action, { kind: 'program', argv: ['find', 'src/80'] });
    assert.deepEqual(call!.action, { kind: 'call', uses: 'x', with: { deep: [{ text: '<src>' }], n: 5 } });
  });

  test('to values of the type of their param where they stand alone', () => {
    assert.equal(fixed('${WIDTH}'), 80);
    assert.equal(fixed('${DEEP}'), true);
    assert.deepEqual(fixed(['${SHAPE}']), [{ a: [1] }]);
    assert.equal(fixed('${ROOT}'), 'src');
    assert.equal(fixed('w=${WIDTH} s=${SHAPE}'), 'w=80 s={"a":[1]}');
  });

  test('to nothing for optional params without a value', () => {
    assert.equal(fixed('${NOTE}'), '');
    assert.equal(fixed('${COUNT}'), null);
    assert.equal(fixed('n=${COUNT}'), 'n=');
  });

  test('to the run and its time in the zone of the run', () => {
    assert.equal(fixed('${RUN_ID} ${PIPELINE}'), '2abc audit');
    assert.equal(fixed('${DATE} ${TIME} ${DATETIME}'), '2026-03-01 23:30:05 2026-03-01T23:30:05Z');
    const timeZone = 'Asia/Kolkata';
    assert.equal(
      fixed('${DATE} ${TIME} ${DATETIME}', { timeZone }),
      '2026-03-02 05:00:05 2026-03-02T05:00:05+05:30',
    );
  });

  test('once: what a value brings in is text', () => {
    assert.equal(
      fixed('${ROOT}', { params: { ...VALUES.params, root: '${WIDTH} $${X}' } }),
      '${WIDTH} $${X}',
    );
  });

  test('with the context of the caller, which wins and is taken as it is', () => {
    const spec = specOf(`${HEAD}context: { TEAM: none }\nprocessors: { a: { program: ["\${TEAM}"] } }\n`);
    const run = fixMacros(spec, { ...VALUES, context: { TEAM: '${ROOT}', EXTRA: '1' } });
    assert.deepEqual(run.context, { TEAM: '${ROOT}', EXTRA: '1' });
    assert.deepEqual(run.processors[0]!.action, { kind: 'program', argv: ['${ROOT}'] });
  });

  test('not with a context that the file could not have', () => {
    const spec = specOf(`${HEAD}processors: { a: { run: x } }\n`);
    const message = (context: Record<string, string>) => {
      try {
        fixMacros(spec, { ...VALUES, context });
      } catch (error) {
        assert(error instanceof WizError);
        return error.message;
      }
      return '';
    };
    assert.match(message({ 'a-b': 'x' }), /^The context key "a-b" must start with a letter/);
    assert.equal(message({ WIZ_RUN_ID: 'x' }), 'The context key "WIZ_RUN_ID" is set by wiz itself.');
    assert.equal(message({ DATE: 'x' }), 'The context key "DATE" is a macro of wiz itself.');
    assert.equal(
      message({ ROOT: 'x' }),
      'The context key "ROOT" is also the variable of param "root". Give the param instead: -p root=VALUE.',
    );
  });

  test('in a zone that exists', () => {
    assert.throws(() => fixed('${DATE}', { timeZone: 'Mars/Base' }), { code: 'invalid_argument' });
  });
});

test('escaped text comes back as it was', () => {
  const piece = fc.constantFrom('$', '{', '}', '$${', '${', '${{', 'ROOT', '${ROOT}', 'a', '\n', '\\');
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, (original) => {
      assert(!hasMacros(escapeMacros(original)));
      assert.equal(fixed(escapeMacros(original)), original);
    }),
  );
});

describe('options with macros', () => {
  const schema = { type: 'object', properties: { width: { type: 'integer' } }, additionalProperties: false };
  const catalogue = [{ name: 'resize', optionsSchemaJson: JSON.stringify(schema) }];
  const written = () =>
    specOf(
      `${HEAD}processors: { a: { uses: resize, with: { width: "\${WIDTH}" } }, b: { uses: resize } }\n`,
      catalogue,
    );

  test('are checked when the values are known', async () => {
    const spec = written();
    await recheckCalls(spec, fixMacros(spec, VALUES), catalogue);
    const wide = fixMacros(spec, { ...VALUES, params: { ...VALUES.params, width: 1.5 } });
    await assert.rejects(recheckCalls(spec, wide, catalogue), {
      code: 'invalid_argument',
      message: '"with.width" of processor "a" must be a whole number, not the number 1.5.',
    });
  });

  test('are checked one by one too', async () => {
    const call = (width: JsonValue): ActionSpec => ({ kind: 'call', uses: 'resize', with: { width } });
    await checkCall('a', call(5), catalogue);
    await assert.rejects(checkCall('a', call('5'), catalogue), {
      message: '"with.width" of processor "a" must be a number, not "5".',
    });
  });
});
