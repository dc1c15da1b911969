import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { errorsOf, testRefusals, withProcessors } from './fixtures/refusals.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

describe('needs that cannot be met are refused', () => {
  testRefusals([
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
  ]);
});

test('a cycle of thousands is named in short', async () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `p${i}: { needs: p${(i + 1) % 20_000}, run: x }`);
  const [error, ...others] = await errorsOf(withProcessors(...lines));
  assert.deepEqual(others, []);
  assert.match(error!, /^p\.yaml:20002:\d+: .*: p0 -> p1 -> .* -> \(19981 more\) -> .* -> p19999 -> p0\./);
});

test('needs are accepted exactly when processors can be put in an order', async () => {
  const graphs = fc
    .integer({ min: 1, max: 8 })
    .chain((size) =>
      fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size }),
    );
  await fc.assert(
    fc.asyncProperty(graphs, async (needs) => {
      const lines = needs.map((list, index) => `p${index}: { run: x, needs: [${list.map((n) => `p${n}`)}] }`);
      const errors = await errorsOf(withProcessors(...lines));
      assert.equal(errors.length === 0, hasOrder(needs));
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
