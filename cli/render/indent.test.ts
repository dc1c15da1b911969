import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createIndenter } from './indent.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

test('what is nested very deep is laid out in proportion to its length', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  const laidOut = createIndenter().push(deep);
  assert.equal(laidOut.replace(/\s/g, ''), deep);
  assert.ok(laidOut.length < 50_000_000, `${laidOut.length}`);
});

test('JSON in any pieces is laid out as JSON.stringify does it', () => {
  fc.assert(
    fc.property(
      fc.json({ maxDepth: 4 }),
      fc.array(fc.nat({ max: 7 })),
      fc.boolean(),
      (json, cuts, spaced) => {
        const text = spaced ? JSON.stringify(JSON.parse(json), null, '\t') : json;
        const indenter = createIndenter();
        let laidOut = '';
        let at = 0;
        for (const size of [...cuts, text.length]) {
          laidOut += indenter.push(text.slice(at, at + size));
          at += size;
        }
        // Numbers stay as they are written.
        assert.equal(laidOut, JSON.stringify(JSON.parse(json), null, 2).replaceAll('-0', '-0'));
      },
    ),
    { numRuns: 500 },
  );
});
