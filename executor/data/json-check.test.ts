import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createJsonCheck, JsonFault } from './json-check.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1), numRuns: 1000 });

function accepts(text: string, places: number[] = []): boolean {
  const bytes = Buffer.from(text);
  const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  const check = createJsonCheck();
  try {
    for (const [index, from] of [0, ...cuts].entries()) check.push(bytes.subarray(from, cuts[index]));
    check.end();
    return true;
  } catch (error) {
    assert.ok(error instanceof JsonFault, String(error));
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const places = fc.array(fc.nat(), { maxLength: 10 });

test('every document is taken, however it is cut', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(0, 2), places, (json, indent, places) => {
      assert.ok(accepts(JSON.stringify(JSON.parse(json), null, indent), places));
    }),
  );
});

test('a document with one thing changed is taken exactly when JSON.parse takes it', () => {
  const signs = [...'{}[],:"\\-+.0123eE\n\t \u0001abtrufalsn/xü', ''];
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.constantFrom(...signs), fc.boolean(), (json, at, sign, insert) => {
      const place = at % json.length;
      const text = json.slice(0, place) + sign + json.slice(insert ? place : place + 1);
      assert.equal(accepts(text), parses(text), text);
    }),
  );
});

test('numbers, words, escapes and what is almost one', () => {
  const parts = [
    '-',
    '0',
    '1',
    '20',
    '.',
    '5',
    'e',
    'E',
    '+',
    'true',
    'nul',
    'null',
    ' ',
    '"\\u00e',
    'f"',
    '"\\',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 7 }), (pieces) => {
      const text = pieces.join('');
      assert.equal(accepts(text), parses(text), JSON.stringify(text));
    }),
  );
});

test('the line and the byte are named', () => {
  const check = createJsonCheck();
  check.push(Buffer.from('{"a": 1,'));
  assert.throws(() => check.push(Buffer.from('\n\n"b": }')), { message: /line 3 .*"}" at byte 15, where/ });
  const early = createJsonCheck();
  early.push(Buffer.from('[1,\n2'));
  assert.throws(() => early.end(), { message: /line 2 .*ends too early/ });
});
