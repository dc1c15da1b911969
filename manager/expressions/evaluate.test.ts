import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonValue } from '../spec/spec.ts';
import { evaluateText, evaluateValue } from './evaluate.ts';
import { failureOf, file, holds, scope, valueIn } from './scope.fixture.ts';

describe('texts', () => {
  test('a text that is one expression keeps the type of its value', () => {
    assert.deepEqual(valueIn('item'), { name: 'n', count: 4 });
    assert.deepEqual(valueIn('outputs.list.lines'), ['a', 'b']);
    assert.equal(valueIn('index'), 3);
    assert.equal(valueIn('outputs.skipped'), null);
    assert.equal(valueIn('params.width > 4'), true);
  });

  test('otherwise each expression is replaced by its text', () => {
    const text = (written: string) => evaluateText(written, scope);
    assert.equal(text('a ${{ item.name }}-${{ index + 1 }}!'), 'a n-4!');
    assert.equal(text('[${{ outputs.skipped }}]'), '[]');
    assert.equal(text('x${{ outputs.numbers }}'), 'x[3,1,2.5]');
    assert.equal(text('--in=${{ files.draw["a b.png"] }}'), `--in=${file.path}`);
    assert.equal(text(' ${{ index }}'), ' 3');
  });

  test('a dollar more is a literal, and quotes and braces do not end an expression', () => {
    assert.equal(evaluateText('$${{ item }} ${{ index }}', scope), '${{ item }} 3');
    assert.deepEqual(valueIn(`{"a": {"b": '}}'}}`), { a: { b: '}}' } });
    assert.equal(valueIn(`'''it's }}''' + r"\\}}"`), "it's }}\\}}");
    assert.equal(evaluateText('no expression ${NAME} $', scope), 'no expression ${NAME} $');
  });

  test('every text of a value', () => {
    const value = { a: ['${{ index }}', 1], b: { c: 'x${{ item.name }}' }, ['__proto__']: null };
    assert.deepEqual(evaluateValue(value, scope), { a: [3, 1], b: { c: 'xn' }, ['__proto__']: null });
  });

  test('what is brought in is not looked through again', () => {
    assert.equal(valueIn('item', { item: '${{ secrets.TOKEN }}' }), '${{ secrets.TOKEN }}');
  });
});

describe('values', () => {
  test('numbers of JSON work with whole and other numbers', () => {
    holds('item.count + 1 == 5', 'index % 2 == 1', 'params.width / 2.5 == 2.0', 'params.ratio * 2 == 1');
    holds('params.width / 2 == 2', 'params.width < 5.5', '7.5 % 2 == 1.5', '-params.width == -5');
    holds('[1, 2, 3][params.width - 4] == 2', '1 == 1.0', '1u == 1', '2 in [1.0, 2.0]', '{1: 2}[1.0] == 2');
    assert.equal(valueIn('params.ratio + params.ratio'), 1);
    assert.equal(valueIn('params.big'), 2 ** 60);
  });

  test('values come back as JSON', () => {
    assert.equal(valueIn('9007199254740993'), '9007199254740993');
    assert.deepEqual(valueIn('[1u, 1.5, b"ab", null]'), [
      1,
      1.5,
      { base64: 'YWI=', mediaType: 'application/octet-stream' },
      null,
    ]);
    assert.equal(valueIn('timestamp("2026-03-29T02:30:00Z") + duration("1h")'), '2026-03-29T03:30:00Z');
    assert.equal(valueIn('duration("90s")'), '90s');
    assert.deepEqual(valueIn('{1: "a", true: "b"}'), { 1: 'a', true: 'b' });
    assert.deepEqual(Object.keys(valueIn('{"__proto__": 1}') as object), ['__proto__']);
    assert.equal(valueIn('type(1.5)'), 'double');
    assert.equal(valueIn('0.0 / 0.0'), 'NaN');
  });

  test('a list comes back as it is, not as a copy', () => {
    assert.equal(valueIn('outputs.numbers'), scope.outputs.numbers);
    assert.equal((valueIn('[outputs.numbers]') as JsonValue[])[0], scope.outputs.numbers);
  });

  test('lists that grow from the same list do not see each other', () => {
    assert.deepEqual(valueIn('[[1].map(x, x)].map(l, [l + [2], l + [3], l])'), [[[1, 2], [1, 3], [1]]]);
  });
});

describe('functions', () => {
  test('of wiz, as function and as method', () => {
    assert.deepEqual(valueIn('json("{\\"a\\": [1, null]}").a'), [1, null]);
    assert.equal(valueIn('toJson({"a": outputs.numbers})'), '{"a":[3,1,2.5]}');
    assert.deepEqual(valueIn('keys(outputs.users[1])'), ['name', 'age', 'e-mail']);
    assert.deepEqual(valueIn('outputs.users[0].values()'), ['Ann', 40]);
    assert.deepEqual(valueIn('range(3)'), [0, 1, 2]);
    assert.deepEqual(valueIn('range(2, 4)'), [2, 3]);
    assert.equal(valueIn('sum(outputs.numbers)'), 6.5);
    assert.equal(valueIn('outputs.users.map(u, u.age).sum()'), 70);
    holds('min(outputs.numbers) == 1', 'max(1, 2.5, 2) == 2.5', 'min("b", "a") == "a"', 'sum([]) == 0');
    assert.deepEqual(valueIn('outputs.numbers.sort()'), [1, 2.5, 3]);
    assert.deepEqual(valueIn('["b", "a"].sort()'), ['a', 'b']);
    assert.deepEqual(valueIn('unique([1, 1.0, "1", "a", "a", [1], [1]])'), [1, '1', 'a', [1]]);
    assert.deepEqual(valueIn('flatten([[1], [2, 3], 4])'), [1, 2, 3, 4]);
    holds('basename("a/b/c.txt") == "c.txt"', 'basename("a/b/") == "b"', 'basename("x") == "x"');
    holds('basename(files.draw["a b.png"].path) == "a b.png"');
  });

  test('default stands in for what is missing or null, and for nothing else', () => {
    holds('default(params.color, "red") == "red"', 'default(outputs.skipped.text, "x") == "x"');
    holds(
      'default(outputs.skipped, 1) == 1',
      'default(params.width, 1) == 5',
      'params.width.default(1) == 5',
    );
    holds('default(outputs.numbers[9], 0) == 0', 'default(params.empty, "x") == ""');
    assert.match(failureOf('default(1 / 0, 1)'), /divides by 0/);
    holds('has(params.width)', '!has(params.color)', '!has(outputs.skipped.text)');
  });

  test('of text, as CEL has them', () => {
    holds('"a,b,c".split(",") == ["a", "b", "c"]', '"a,b,c".split(",", 2) == ["a", "b,c"]');
    holds(
      '"aXbX".replace("X", "-") == "a-b-"',
      '"aXbX".replace("X", "-", 1) == "a-bX"',
      '"x".split("", 0) == []',
    );
    holds('"Ab".upperAscii() == "AB"', '"Äb".lowerAscii() == "Äb"', '["a", "b"].join("-") == "a-b"');
    holds(
      '"hello".substring(1, 3) == "el"',
      '"a😀".size() == 2',
      '" a ".trim() == "a"',
      '"abc".indexOf("c") == 2',
    );
    holds('"abc".matches("^a.c$")', '!"abc".matches("^b")', '"a.b".contains(".")', 'size("") == 0');
    holds(
      'int("42") == 42',
      'double("1.5") == 1.5',
      'string(1.5) == "1.5"',
      'string(null) == ""',
      'int(2.9) == 2',
    );
    holds('"%s is %d".format(["x", 3]) == "x is 3"', 'strings.quote("a") == "\\"a\\""', 'bool("true")');
  });

  test('of times, in UTC or a named zone, whatever the zone of this machine', () => {
    const time = 'timestamp("2026-03-29T02:30:00.250Z")';
    holds(
      `${time}.getHours() == 2`,
      `${time}.getHours("Europe/Berlin") == 4`,
      `${time}.getDayOfYear() == 87`,
    );
    holds(
      `${time}.getDate("-03:00") == 28`,
      `${time}.getMilliseconds() == 250`,
      `${time}.getDayOfWeek() == 0`,
    );
    holds('duration("3h").getHours() == 3', `${time} - duration("1h") < ${time}`);
    assert.match(failureOf(`${time}.getHours("Nowhere")`), /not a time zone/);
  });

  test('over lists and maps', () => {
    assert.deepEqual(valueIn('outputs.users.filter(u, u.age > 35).map(u, u.name)'), ['Ann']);
    assert.deepEqual(valueIn('outputs.users[1].map(k, k)'), ['name', 'age', 'e-mail']);
    holds('outputs.users.exists_one(u, u.name == "Bob")', 'outputs.users.all(u, has(u.age))');
    holds('[1, 2, 0].exists(x, 4 / x == 2)', '[0, 1].exists(x, 1 / x == 1)', '![1, 0].all(x, 1 / x > 5)');
    holds(
      '[[1, 2], [3]].map(l, l.map(x, x * 2)) == [[2, 4], [6]]',
      'true || 1 / 0 == 1',
      '!(1 / 0 == 1 && false)',
    );
  });
});

describe('failures name the expression and what is wrong', () => {
  const cases: [string, RegExp][] = [
    ['outputs.list.linez', /`outputs\.list\.linez`.*no "linez" in outputs\.list: it has text, lines/],
    ['outputs.skipped.text', /outputs\.skipped is null, so it has no "text"/],
    ['outputs.numbers[7]', /no \[7\] in outputs\.numbers: it has \[0\] to \[2\]/],
    ['outputs.users.name', /is a list and has no "name"/],
    ['params["x-y"]', /no "x-y" in "params": it has width/],
    ['foo', /nothing named "foo"/],
    ['foo(1)', /no function "foo"/],
    ['outputs.numbers.map(x + 1)', /map\(\) needs a name/],
    ['has(params)', /has\(\) needs a field/],
    ['"a" + 1', /"\+" does not work with text and a whole number.*string\(\)/],
    ['-"a"', /"-" does not work with text/],
    ['1 < "a"', /"<" does not work with a whole number and text/],
    ['upperAscii(1)', /upperAscii\(\) does not take a whole number/],
    ['params.name && true', /needs true or false, not text/],
    ['params.name ? 1 : 2', /needs true or false, not text/],
    ['int("x")', /"x" is not a whole number/],
    ['double("abc")', /"abc" is not a number/],
    ['9223372036854775807 + 1', /past 64 bits/],
    ['1 / 0', /divides by 0/],
    ['{"a": 1, "a": 2}', /key "a" is twice/],
    ['"a".matches("(")', /pattern "\(" is wrong/],
    ['json("{")', /not JSON/],
    ['google.protobuf.Timestamp{seconds: 1}', /cannot be made here/],
    ['1 +', /ends with "\+", after which a value is missing/],
    ['a = 1', /write "==" in place of "="/],
    ['a & b', /Write "&&"/],
    ['"abc', /has no end/],
    ['(1', /ends too early/],
    ['', /is empty/],
    ['x'.repeat(20_000), /longer than 10000 characters/],
    [`${'('.repeat(3000)}1${')'.repeat(3000)}`, /nested too deep/],
    [`${'['.repeat(1000)}1${']'.repeat(1000)}`, /nested too deep/],
  ];
  for (const [expression, message] of cases) {
    test(expression.slice(0, 40), () => {
      assert.match(failureOf(expression), message);
    });
  }

  test('an instance has an item, others have not', () => {
    const { item, index, ...without } = scope;
    assert.throws(() => evaluateText('${{ item }}', without), /no item here/);
    assert.throws(() => evaluateText('${{ index + 1 }}', without), /no index here/);
    assert.notEqual(item, index);
  });

  test('an expression without an end', () => {
    assert.throws(() => evaluateText('a ${{ b', scope), /no "}}"/);
  });
});
