import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { run as libraryRun } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import fc from 'fast-check';
import type { JsonValue } from '../spec/spec.ts';
import { evaluateText, references } from './evaluate.ts';
import { ExpressionFailure, type Scope } from './expressions.ts';
import { functionNames } from './functions.ts';
import { failureOf, scope, valueIn } from './scope.fixture.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

describe('the cost is bounded', () => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}`);
  const large: Partial<Scope> = { outputs: { list: { text: '', lines } } };
  const L = 'outputs.list.lines';

  test('a list of 100,000 can be gone through', () => {
    assert.equal(
      (valueIn(`${L}.filter(l, l.endsWith("7")).map(l, l + "x")`, large) as JsonValue[]).length,
      10_000,
    );
    assert.equal(valueIn(`${L}.map(l, size(l)).sum()`, large), lines.join('').length);
    assert.equal(valueIn(`${L}.map(l, {"text": l})[99999].text`, large), 'line 99999');
    assert.equal(valueIn(`${L}.filter(l, l.matches("[0-9]*99$")).size()`, large), 1000);
  });

  const doubled = (start: string, times: number) => {
    let expression = start;
    for (let time = 0; time < times; time++) expression = `[${expression}].map(a, [a, a])[0]`;
    return expression;
  };
  const longText = `[${'"x"'}]${'.map(a, a + a)'.repeat(25)}[0]`;
  const costly = [
    `${L}.map(a, ${L}.map(b, b))`,
    `${L}.all(a, ${L}.all(b, true))`,
    `${L}.all(a, !(a + "x" in ${L}))`,
    `range(1000).all(a, range(1000).all(b, range(1000).all(c, a == b || true)))`,
    `range(1000000).map(a, range(1000000))`,
    `range(1000000).map(a, {"a": [a, a]})`,
    `range(1000000).all(a, timestamp(a) != timestamp("2026-01-01T00:00:00Z"))`,
    doubled('1', 60),
    `${doubled('1', 60)} == ${doubled('1', 60)}`,
    `toJson(${doubled('1', 60)})`,
    `"%s".format([${doubled('1', 60)}])`,
    `flatten(${doubled('[1]', 60)})${'.flatten()'.repeat(60)}`,
    `range(100000).map(a, ${longText}).size()`,
    `${longText}.replace("", ${longText})`,
    `${longText}.contains(${longText} + "y")`,
    `range(1000).all(i, "a".matches("(a{9}){9}" + string(i)) || true)`,
    `[${L}, ${L}, ${L}, ${L}, ${L}].map(a, [a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a])`,
    `"x".matches("${'(a{1000}|b{1000})'.repeat(50)}")`,
  ];
  for (const expression of costly) {
    test(expression.slice(0, 80), () => {
      assert.match(failureOf(expression, large), /takes more than|gives more than|nested more than/);
    });
  }
});

describe('random expressions', () => {
  const leaf = fc.constantFrom(
    ...[
      '1',
      '2.5',
      '"a"',
      'true',
      'null',
      '[1, 2]',
      '{"a": 1}',
      'b"x"',
      '1u',
      'params.width',
      'outputs.users',
    ],
    ...[
      'outputs.list.lines',
      'item',
      'index',
      'x',
      'files.draw',
      'duration("1s")',
      'timestamp(0)',
      'secrets.TOKEN',
    ],
  );
  const { expression, closed } = fc.letrec<{ expression: string; closed: string }>((tie) => {
    const inner = tie('expression');
    const part = tie('closed');
    return {
      expression: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        leaf,
        fc
          .tuple(inner, fc.constantFrom('+', '-', '*', '/', '%', '==', '<', '>=', 'in', '&&', '||'), inner)
          .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
        fc
          .tuple(fc.constantFrom(...functionNames()), fc.array(inner, { maxLength: 3 }))
          .map(([name, args]) => `${name}(${args.join(', ')})`),
        fc
          .tuple(inner, fc.constantFrom('map', 'filter', 'all', 'exists', 'exists_one'), inner)
          .map(([list, macro, body]) => `${list}.${macro}(x, ${body})`),
        fc.tuple(inner, inner, inner).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
        fc.tuple(inner, inner).map(([a, b]) => `${a}[${b}]`),
        inner.map((a) => `${a}.name`),
        inner.map((a) => `[${a}, ${a}]`),
        inner.map((a) => `has(${a}.a)`),
      ),
      closed: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom(
          '1',
          '-2',
          '2.5',
          '"a"',
          '"bab"',
          '""',
          'true',
          'false',
          'null',
          '[1, 2]',
          '["a"]',
          '{"a": 1}',
        ),
        fc.constantFrom('x', '1u', 'b"x"', 'duration("1s")'),
        fc
          .tuple(part, fc.constantFrom(...'+ - * / % == != < <= > >= in && ||'.split(' ')), part)
          .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
        fc
          .tuple(
            part,
            fc.constantFrom(...'contains startsWith endsWith indexOf lastIndexOf'.split(' ')),
            part,
          )
          .map(([a, name, b]) => `${a}.${name}(${b})`),
        fc
          .tuple(part, fc.constantFrom('size', 'upperAscii', 'trim', 'join'))
          .map(([a, name]) => `${a}.${name}()`),
        fc
          .tuple(fc.constantFrom('size', 'string', 'type', '!', '-'), part)
          .map(([name, a]) => `${name}(${a})`),
        fc.tuple(part, part).map(([a, b]) => `${a}.replace("a", ${b})`),
        fc
          .tuple(part, fc.constantFrom('map', 'filter', 'all', 'exists', 'exists_one'), part)
          .map(([list, macro, body]) => `${list}.${macro}(x, ${body})`),
        fc.tuple(part, part, part).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
        // The library takes true for 1 here.
        fc.tuple(part, fc.constantFrom('0', 'x', '"a"', '1.0')).map(([a, b]) => `${a}[${b}]`),
        fc.tuple(part, part).map(([a, b]) => `[${a}, ${b}]`),
        fc.tuple(part, part).map(([a, b]) => `{${a}: ${b}}`),
        part.map((a) => `${a}.a`),
        part.map((a) => `has((${a}).a)`),
      ),
    };
  });

  test('never hang, and never throw anything but ExpressionFailure', () => {
    fc.assert(
      fc.property(
        fc.oneof({ weight: 9, arbitrary: expression }, { weight: 1, arbitrary: fc.string() }),
        (source) => {
          const before = performance.now();
          try {
            JSON.stringify(evaluateText(`\${{ ${source} }}`, scope));
          } catch (error) {
            assert.ok(error instanceof ExpressionFailure, `${source}: ${error}`);
            assert.ok(!error.message.includes('undefined'), error.message);
          }
          try {
            references(`\${{ ${source} }}`);
          } catch (error) {
            assert.ok(error instanceof ExpressionFailure, `${source}: ${error}`);
          }
          assert.ok(performance.now() - before < 30_000, source);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('mean what the library makes of them, where it does not fail', () => {
    let compared = 0;
    fc.assert(
      fc.property(closed, (source) => {
        // A key whose value is null is not there to the library; to CEL it is.
        if (source.includes('has(') && source.includes('null')) return;
        // To the library the items of a list and the keys of a map have types that cannot be seen from outside.
        const theirs = libraryRun(source, { x: 2n }, { funcs: [...strings] });
        if (typeof theirs === 'object' && theirs !== null) return;
        const ours = evaluateText(`\${{ [2].map(x, ${source})[0] }}`, scope);
        assert.deepEqual(ours, typeof theirs === 'bigint' ? Number(theirs) : jsonNumber(theirs), source);
        compared++;
      }),
      { numRuns: 5000 },
    );
    assert.ok(compared > 200, `${compared}`);
  });
});

function jsonNumber<Other>(value: Other): Other | string {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
