import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { WizError } from '../../proto/error.ts';
import { splitText } from '../expressions/places.ts';
import { escapeMacros, fixMacros, hasMacros, type MacroValues } from './macros.ts';
import { parsePipelines } from './parse.ts';
import { checkCall, recheckCalls } from './recheck.ts';
import { randomText } from './run-macros.ts';
import { scanMacros } from './scan-macros.ts';
import type { ActionSpec, JsonValue } from './spec.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

async function specOf(text: string, catalogue?: { name: string; optionsSchemaJson: string }[]) {
  const content = new TextEncoder().encode(text);
  return (await parsePipelines([{ path: 'p.yaml', content, baseDir: '/base' }], catalogue)).pipelines[0]!
    .spec;
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

const CALL = await specOf(`${HEAD}processors: { a: { uses: x } }\n`);

/** The text or value that `with: { it: … }` becomes. */
function fixed(value: JsonValue, values: Partial<MacroValues> = {}): JsonValue {
  const [a] = CALL.processors;
  const spec = {
    ...CALL,
    processors: [{ ...a!, action: { kind: 'call' as const, uses: 'x', with: { it: value } } }],
  };
  const { action } = fixMacros(spec, { ...VALUES, ...values }).processors[0]!;
  assert.equal(action.kind, 'call');
  return action.with.it!;
}

/** What the evaluator takes the text for: its expressions, and the text around them. */
function split(text: JsonValue): string[] {
  assert(typeof text === 'string');
  return splitText(text).map((part) => (part.kind === 'text' ? part.text : `<${part.source.trim()}>`));
}

describe('macros are fixed', () => {
  test('in program, env, context and deep in with, and nowhere else', async () => {
    const spec = await specOf(`${HEAD}context: { TITLE: "\${PIPELINE} of \${ROOT}" }
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

  test('with the context of the caller, which wins and is taken as it is', async () => {
    const spec = await specOf(
      `${HEAD}context: { TEAM: none }\nprocessors: { a: { program: ["\${TEAM}"] } }\n`,
    );
    const run = fixMacros(spec, { ...VALUES, context: { TEAM: '${ROOT}', EXTRA: '1' } });
    assert.deepEqual(run.context, { TEAM: '${ROOT}', EXTRA: '1' });
    assert.deepEqual(run.processors[0]!.action, { kind: 'program', argv: ['${ROOT}'] });
  });

  test('not with a context that the file could not have', async () => {
    const spec = await specOf(`${HEAD}processors: { a: { run: x } }\n`);
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

  test('to characters that are the same for the whole run', () => {
    const text = fixed('${RANDOM:8}');
    assert.match(text as string, /^[a-z0-9]{8}$/);
    assert.equal(fixed('${RANDOM:8}'), text);
    assert.notEqual(fixed('${RANDOM:8}', { runId: '2abd' }), text);
    assert.match(fixed('${RANDOM:64}-${RANDOM:1}') as string, /^[a-z0-9]{64}-[a-z0-9]$/);
    assert.throws(() => fixed('${RANDOM:65}'), { message: 'There is no macro "RANDOM:65".' });
    // Every character is drawn about as often as any other: 36 of them in 64,000.
    const counts = new Map<string, number>();
    for (let run = 0; run < 1000; run++) {
      for (const one of randomText(`run ${run}`, 64)) counts.set(one, (counts.get(one) ?? 0) + 1);
    }
    assert.equal(counts.size, 36);
    for (const count of counts.values()) assert(count > 1500 && count < 2060, `${count}`);
  });

  test('in the zone of the pipeline, before that of the caller', async () => {
    const spec = await specOf(
      'name: x\ntimeZone: Asia/Kolkata\nprocessors: { a: { program: ["${TIME}"] } }\n',
    );
    const run = fixMacros(spec, VALUES);
    assert.deepEqual(run.processors[0]!.action, { kind: 'program', argv: ['05:00:05'] });
    assert.equal(run.timeZone, 'Asia/Kolkata');
    assert.equal(fixMacros({ ...spec, timeZone: null }, VALUES).timeZone, 'UTC');
  });

  test('in each, matrix, when, cache and outputs', async () => {
    const spec = await specOf(`${HEAD}outputs: { files: { a.txt: "\${ROOT}" } }
processors:
  a: { run: x, each: "\${SHAPE}", when: "\${DEEP}", cache: { version: "\${WIDTH}", key: "k\${WIDTH}" } }
  b: { run: x, matrix: { root: ["\${ROOT}", "\${WIDTH}"], n: [1] } }
`);
    const run = fixMacros(spec, { ...VALUES, params: { ...VALUES.params, shape: ['${{ x }}', 1] } });
    const [a, b] = run.processors;
    assert.deepEqual(a!.each, ['$${{ x }}', 1]);
    assert.equal(a!.when, 'true');
    assert.deepEqual(a!.cache, { inputs: [], env: [], version: '80', key: 'k80' });
    assert.deepEqual(b!.matrix, { root: ['src', 80], n: [1] });
    assert.deepEqual(run.outputs!.files, { 'a.txt': 'src' });
    assert.throws(() => fixMacros(spec, { ...VALUES, params: { ...VALUES.params, shape: 5 } }), {
      code: 'invalid_argument',
      message: '"each" of processor "a" must be a list; ${SHAPE} is 5.',
    });
  });

  test('as variables of scripts that mention them, unless env has them', async () => {
    const spec = await specOf(`name: x
processors:
  a: { run: 'echo "$DATE" %RUN_ID%', env: { RUN_ID: mine } }
  b: { run: 'echo $UPDATE $WIZ_RUN_ID $DATES' }
  c: { program: [echo, DATE] }
`);
    const [a, b, c] = fixMacros(spec, VALUES).processors;
    assert.deepEqual(a!.env, { DATE: '2026-03-01', RUN_ID: 'mine' });
    assert.deepEqual(b!.env, {});
    assert.deepEqual(c!.env, {});
  });

  test('with the context of a parent between that of the pipeline and that of the caller', async () => {
    const spec = await specOf(
      `${HEAD}context: { A: own, B: own, C: own }\nsecrets: [TOKEN]\nprocessors: { a: { run: x } }\n`,
    );
    const parentContext = {
      B: 'parent',
      C: 'parent',
      D: 'parent',
      ROOT: 'x',
      DATE: 'x',
      WIZ_RUN_ID: 'x',
      TOKEN: 'x',
    };
    const run = fixMacros(spec, { ...VALUES, parentContext, context: { C: 'run' } });
    assert.deepEqual(run.context, { A: 'own', B: 'parent', C: 'run', D: 'parent' });
  });

  test('in a zone that exists', () => {
    assert.throws(() => fixed('${DATE}', { timeZone: 'Mars/Base' }), { code: 'invalid_argument' });
  });
});

describe('beside expressions', () => {
  test('macros are fixed around them, and not in them', () => {
    assert.deepEqual(split(fixed('${ROOT}/${{ outputs["${ROOT}"] }}.${WIDTH}')), [
      'src/',
      '<outputs["${ROOT}"]>',
      '.80',
    ]);
  });

  test('an escaped one is text', () => {
    assert.equal(fixed('$${{ ${ROOT} }}'), '$${{ src }}');
    assert.deepEqual(split(fixed('$${{ ${ROOT} }}')), ['${{ src }}']);
  });

  test('values never become one', () => {
    const params = { ...VALUES.params, root: '${{ 1 }}', note: '$', shape: { a: ['${{ 1 }}'] } };
    const after = (text: string) => split(fixed(text, { params }));
    assert.deepEqual(after('${ROOT}'), ['${{ 1 }}']);
    assert.deepEqual(after('a${ROOT}b'), ['a${{ 1 }}b']);
    assert.deepEqual(after('${NOTE}{{ 1 }}'), ['${{ 1 }}']);
    assert.deepEqual(after('${NOTE}${{ item }}'), ['<"$">', '<item>']);
    assert.deepEqual(fixed('${SHAPE}', { params }), { a: ['$${{ 1 }}'] });
  });

  test('whatever the values and the text are, the expressions are those of the file', () => {
    const piece = fc.constantFrom('$', '{', '}', '{{', '${{ item }}', '${NOTE}', '$${', 'a', '$$');
    const value = fc
      .array(fc.constantFrom('$', '{', '}}', '${{', 'item', '"'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), value, (pieces, note) => {
        const text = pieces.join('');
        const expected = scanMacros(text);
        // All else is refused when the file is applied.
        fc.pre(expected.every(({ kind, name }) => kind !== 'macro' || name === 'NOTE'));
        fc.pre(expected.every(({ kind, text }) => kind !== 'expression' || text === '${{ item }}'));
        const written = fixed(text, { params: { ...VALUES.params, note } });
        assert(typeof written === 'string');
        let plain = '';
        let end = 0;
        for (const place of expected) {
          plain += text.slice(end, place.start);
          plain += place.kind === 'expression' ? '\u0001' : place.kind === 'escape' ? '${' : note;
          end = place.start + place.text.length;
        }
        plain += text.slice(end);
        const seen = splitText(written).map((part) => {
          if (part.kind === 'text') return part.text;
          const dollars = /^ "(\$+)" $/.exec(part.source);
          return dollars === null ? '\u0001' : dollars[1];
        });
        assert.equal(seen.join(''), plain);
      }),
      { numRuns: 2000 },
    );
  });
});

test('escaped text comes back as it was', () => {
  const piece = fc.constantFrom('$', '{', '}', '$${', '${', '${{', 'ROOT', '${ROOT}', 'a', '\n', '\\');
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, (original) => {
      assert(!hasMacros(escapeMacros(original)));
      assert.equal(split(fixed(escapeMacros(original))).join(''), original);
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
    const spec = await written();
    await recheckCalls(spec, fixMacros(spec, VALUES), catalogue);
    const wide = fixMacros(spec, { ...VALUES, params: { ...VALUES.params, width: 1.5 } });
    await assert.rejects(recheckCalls(spec, wide, catalogue), {
      code: 'invalid_argument',
      message: '"with.width" of processor "a" must be a whole number, not the number 1.5.',
    });
  });

  test('are left to the executor where they have expressions', async () => {
    const withWidth = (width: string) =>
      specOf(`${HEAD}processors: { a: { uses: resize, with: { width: "${width}" } } }\n`, catalogue);
    const spec = await withWidth('${{ 1 + 1 }}');
    await recheckCalls(spec, fixMacros(spec, VALUES), catalogue);
    await assert.rejects(withWidth('about ${{ 1 + 1 }}'), /must be a number, not "about/);
  });

  test('are checked one by one too', async () => {
    const call = (width: JsonValue): ActionSpec => ({ kind: 'call', uses: 'resize', with: { width } });
    await checkCall('a', call(5), catalogue);
    await assert.rejects(checkCall('a', call('5'), catalogue), {
      message: '"with.width" of processor "a" must be a number, not "5".',
    });
  });
});
