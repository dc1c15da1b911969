import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { createUtf8Check } from './utf8-check.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1), numRuns: 2000 });

function wrongAt(bytes: Uint8Array, places: number[]): number | undefined {
  const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  const check = createUtf8Check();
  for (const [index, from] of [0, ...cuts].entries()) {
    const wrong = check.push(bytes.subarray(from, cuts[index] ?? bytes.length));
    if (wrong !== undefined) return wrong;
  }
  return check.end();
}

const parts = fc.constantFrom(
  '61',
  'c3bc',
  'f09f9880',
  'e282ac',
  'ff',
  'c0',
  '80',
  'c3',
  'f09f',
  'eda080',
  'f4908080',
);

test('finds what is not UTF-8 and where, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 8 }), (hex, places) => {
      const bytes = Buffer.from(hex.join(''), 'hex');
      const wrong = wrongAt(bytes, places);
      assert.equal(wrong === undefined, isUtf8(bytes));
      if (wrong === undefined) return;
      assert.ok(isUtf8(bytes.subarray(0, wrong)), `byte ${wrong}: what is before it is right`);
      for (let length = 1; length <= 4 && wrong + length <= bytes.length; length++) {
        assert.ok(!isUtf8(bytes.subarray(wrong, wrong + length)), `byte ${wrong} begins a character`);
      }
    }),
  );
});
