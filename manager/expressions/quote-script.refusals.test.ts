import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonValue } from '../spec/spec.ts';
import { evaluateScript } from './evaluate.ts';
import { ExpressionFailure } from './expressions.ts';
import { run, type Shell, scopeOf, VALUE } from './script.fixture.ts';

describe('places that bash evaluates again take plain words only', () => {
  for (const script of [
    `echo $(( ${VALUE} + 1 ))`,
    `(( n = ${VALUE} ))`,
    `for ((i = 0; i < ${VALUE}; i++)); do :; done`,
    `a[${VALUE}]=1`,
    `echo "\${a["${VALUE}"]}"`,
    `echo \${v:-${VALUE}}`,
    `echo "\${v/x/${VALUE}}"`,
    `echo $[${VALUE}]`,
  ]) {
    test(script, () => {
      assert.ok(evaluateScript(script, 'bash', scopeOf(7)).includes('7'));
      for (const value of ['a[$(touch x)]', '$(touch x)', '`touch x`', "'", ' ']) {
        assert.throws(() => evaluateScript(script, 'bash', scopeOf(value)), ExpressionFailure);
      }
    });
  }
});

describe('what cannot be written is refused', () => {
  const refusals: [Shell, string, JsonValue, RegExp][] = [
    ['bash', `echo \\${VALUE}`, '$x', /after a backslash/],
    ['bash', `echo "\\${VALUE}"`, '$x', /after a backslash/],
    ['bash', `echo \`echo \\"${VALUE}\``, 'x', /backslash stands inside/],
    ['bash', `cat <<${VALUE}\n`, 'x', /end of a here document/],
    ['bash', `echo "\${v:-it's}" ${VALUE}`, 'x', /single quote/],
    ['sh', `echo $'\\'' ${VALUE}`, 'x', /not every sh/],
    ['python', `print(r"${VALUE}")`, '\\', /raw string/],
    ['python', `print(f"{${VALUE}}")`, 'a', /f-string/],
    ['python', `print("\\${VALUE}")`, 'a', /after a backslash/],
    ['python', `print(b"${VALUE}")`, 'ä', /ASCII/],
    ['node', `/${VALUE}/.test("a")`, 'a', /regular expression/],
    ['node', `"\\${VALUE}"`, 'a', /after a backslash/],
  ];
  for (const [shell, script, value, message] of refusals) {
    test(`${shell}: ${script}`, () => {
      assert.throws(() => evaluateScript(script, shell, scopeOf(value)), message);
    });
  }

  test('python: raw strings take what needs no escape', () => {
    assert.equal(run('python', evaluateScript(`print(r"${VALUE}")`, 'python', scopeOf('a/b c'))), 'a/b c\n');
    assert.equal(run('python', evaluateScript(`print(f"{${VALUE}}")`, 'python', scopeOf(5))), '5\n');
  });
});
