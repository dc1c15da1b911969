import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import { complaintsOf, inKey, PIPELINE, right, wrong } from './check-expressions.fixture.ts';
import { checkExpressions } from './check-expressions.ts';
import { errorsOf } from './fixtures/refusals.ts';
import { nearestFinder } from './nearest.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

test('the pipeline of these tests is right', () => {
  assert.deepEqual(
    complaintsOf(() => {}),
    [],
  );
});

describe('what is right has no complaints', () => {
  test('names', () => {
    right(
      'params.width',
      'params["api-url"]',
      'context.ANYTHING',
      'outputs.free.whatever.more',
      'run.id + run.datetime',
    );
    right(
      'outputs["parse-all"].text',
      'files.text["a.png"].path',
      'files.text',
      'secrets.TOKEN',
      'state.x',
      'keys(outputs)',
    );
    right(
      'has(outputs.text.nothing)',
      'default(outputs.text.nothing, 1)',
      'type(params.width) == int',
      'outputs[params.name]',
    );
  });

  test('fields and types', () => {
    right(
      'outputs.text.lines.map(l, l.size() + 1)',
      'outputs.text.text + "x"',
      'outputs.lines[0].upperAscii()',
    );
    right(
      'outputs.raw.base64',
      'outputs.get.headers["x"].size()',
      'outputs.get.json.a.b',
      'outputs.find.files.join(",")',
    );
    right('outputs.written.a', 'outputs.many[0].lines', 'outputs.many.map(o, o.text)', 'params.list.a');
    right(
      'params.width / 2.5 + params.count',
      'params.flag ? 1 : "x"',
      'params.count % 2 == 0 && !params.flag',
    );
    right(
      '"Bearer " + secrets.TOKEN',
      '{"auth": secrets.TOKEN}',
      'outputs.text.lines.filter(l, l != "").size() > 0',
    );
    right(
      '[1, 2].exists(x, x == 2)',
      '[1].all(x, x > 0)',
      '[1].exists_one(x, true)',
      '{"a": 1}.a + 1',
      'sum(outputs.lines)',
    );
    right(
      'outputs.lines.sort()[0].trim()',
      'files.text.map(name, files.text[name].size)',
      '1 in [1]',
      '"a" in {"a": 1}',
    );
    right(
      'timestamp(run.datetime) + duration("1h") > timestamp("2026-01-01T00:00:00Z")',
      'strings.quote("a")',
    );
    right(
      '[1].map(outputs, outputs + 1)',
      'string(params.width) + "x"',
      '[[1], [2]].map(l, l.map(x, x * 2)).flatten()',
    );
  });
});

describe('what is wrong', () => {
  test('syntax', () => {
    wrong('1 +', /cannot be read: It ends with "\+"/);
    wrong('params.name = "a"', /cannot be read: To compare, write "=="/);
    wrong('', /cannot be read: It is empty/);
    wrong('"abc', /cannot be read: .*has no end/);
  });

  test('names that are not there', () => {
    wrong('param.width', /nothing named "param": Did you mean "params"\?/);
    wrong('apart', /nothing named "apart": Did you mean outputs\.apart\?/);
    wrong('xyzzy', /nothing named "xyzzy": There are params/);
    wrong('params.with', /the pipeline has no param "with": Did you mean "width"\?/);
    wrong('has(params.nothing)', /no param "nothing"/);
    wrong('outputs.txt', /no processor "txt" for outputs\.txt: Did you mean "text"\?/);
    wrong('files.nope["a"]', /no processor "nope" for files\.nope/);
    wrong('secrets.TOKEM', /no secret "TOKEM": Did you mean "TOKEN"\?/);
    wrong('run.idd', /run has no "idd": Did you mean "id"\?/);
    wrong('sizes([1])', /no function "sizes": Did you mean "size"\?/);
    wrong('[1].map(x + 1)', /map\(\) needs a name/, /nothing named "x"/);
  });

  test('processors that this one does not wait for', () => {
    wrong(
      'outputs.apart',
      /processor "here" does not wait for "apart", whose outputs it uses: Add "apart" to needs of "here"/,
    );
    wrong('outputs.later', /It is the other way: "later" needs "here"/);
    wrong('files["here"]', /cannot use its own files/);
    assert.deepEqual(inKey('later', 'with', { a: '${{ outputs.text }}' }), []);
  });

  test('names with a dash as fields', () => {
    wrong('outputs.parse-all.text', /"outputs\.parse-all" is a subtraction.*: Write outputs\["parse-all"\]/);
    wrong('params.api-url', /Write params\["api-url"\]/);
  });

  test('fields that are not there', () => {
    wrong('outputs.text.line', /outputs\.text has no "line": Did you mean "lines"\?/);
    wrong('outputs.text.lines.first', /outputs\.text\.lines is a list and has no "first"/);
    wrong('outputs.lines.text', /outputs\.lines is a list/);
    wrong('outputs.get.stauts', /Did you mean "status"/);
    wrong('outputs.many.text', /outputs\.many is a list.*outputs\.many\[0\]\.text/);
    wrong('params.name.x', /params\.name is text and has no "x"/);
    wrong('files.text["a"].mime', /has no "mime"/);
    wrong('outputs.text.lines.map(l, l.name)', /l is text and has no "name"/);
  });

  test('types', () => {
    wrong('params.width + "x"', /"\+" does not work with a number and text: .*string\(\)/);
    wrong('params.name - 1', /"-" does not work with text and a whole number/);
    wrong('params.name && true', /"&&" needs true or false, not text/);
    wrong('!params.name', /"!" needs true or false, not text/);
    wrong('params.name ? 1 : 2', /"\?" needs true or false, not text/);
    wrong('params.name < 3', /"<" does not work with text and a whole number/);
    wrong('size(params.flag)', /size\(\) does not take true or false/);
    wrong('outputs.text.contains("x")', /contains\(\) does not take a map: Its text is \.text/);
    wrong('outputs.text.map(l, l)', /is a map of text and lines: Its lines are \.lines/);
    wrong('params.count.map(x, x)', /params\.count is a whole number, not a list/);
    wrong('outputs.lines["a"]', /outputs\.lines is a list/);
    wrong('outputs.lines[params.name]', /have whole numbers, not text/);
    wrong('[1].filter(x, x + 1)', /filter\(\) needs true or false/);
    wrong('1 in 5', /"in" does not work with a whole number and a whole number/);
    wrong('secrets.TOKEN == "a"', /a secret can only be passed on/);
    wrong('secrets.TOKEN.size()', /a secret can only be passed on/);
  });

  test('several in one text, each at its place', () => {
    const pipeline = parseYaml(PIPELINE);
    pipeline.processors.here.run = '${A} ${{ params.a }} $${{ x }} ${{ outputs.text.b + params.c }}';
    const found = checkExpressions(pipeline, nearestFinder());
    assert.deepEqual(
      found.map(({ path, occurrence, offset }) => [path.join('.'), occurrence, offset]),
      [
        ['processors.here.run', 1, 11],
        ['processors.here.run', 3, 17],
        ['processors.here.run', 3, 28],
      ],
    );
  });
});

test('a pipeline of any shape is taken', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('${{ outputs.a }}', '${{ item + ', '${{ params.x.y[0] }}', null, 1, true, 'a'),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom('a', 'each', 'needs', 'run', 'env', 'matrix', 'files', '__proto__'),
        tie('any'),
      ),
    ),
  })).any;
  const keys = ['params', 'secrets', 'context', 'processors', 'outputs', 'defaults', 'cache'] as const;
  const pipeline = fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] });
  fc.assert(
    fc.property(pipeline, (any) => {
      assert.ok(Array.isArray(checkExpressions(any as Record<string, unknown>, nearestFinder())));
    }),
  );
});

test('the place in the file is that of the name, also within an expression', async () => {
  const file = `name: x
processors:
  a: { run: x }
  b:
    needs: a
    env:
      A: "x \${{ 1 + outputs.c }}"
    run: |
      echo \${{ outputs.a }}
      echo "\${{
        params.nope
      }}" \${X} \${{ xyz }}
`;
  // Where the text is not as it stands in the file, it is that of the expression.
  assert.deepEqual(await errorsOf(file), [
    'p.yaml:7:29: there is no processor "c" for outputs.c. Did you mean "a"?',
    'p.yaml:10:13: the pipeline has no param "nope". It declares no params.',
    'p.yaml:12:20: there is nothing named "xyz". There are params, context, outputs, files, run, state, secrets, item, index.',
  ]);
});
