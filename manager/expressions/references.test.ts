import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { secretMark } from '../../proto/marks.ts';
import { references } from './evaluate.ts';
import { ExpressionFailure } from './expressions.ts';
import { failureOf, valueIn } from './scope.fixture.ts';

describe('references', () => {
  const referred = (source: string) => {
    const { outputs, files, params, context, secrets, item, index, run, whole } = references(
      `\${{ ${source} }}`,
    );
    const names = { outputs, files, params, context, secrets, whole };
    const filled = Object.entries(names).filter(([, set]) => set.size > 0);
    const flags = Object.entries({ item, index, run }).filter(([, flag]) => flag);
    return Object.fromEntries([...filled.map(([name, set]) => [name, [...set]]), ...flags]);
  };

  test('names, by field or by index', () => {
    assert.deepEqual(referred('outputs.a.b + outputs["c-d"].e + params.x'), {
      outputs: ['a', 'c-d'],
      params: ['x'],
    });
    assert.deepEqual(referred('files.a["x"].path + context.TEAM + secrets.T'), {
      files: ['a'],
      context: ['TEAM'],
      secrets: ['T'],
    });
    assert.deepEqual(referred('has(outputs.a.b) ? item : index + run.id'), {
      outputs: ['a'],
      item: true,
      index: true,
      run: true,
    });
    assert.deepEqual(referred('has(params.x) || default(outputs.y, 1)'), { params: ['x'], outputs: ['y'] });
  });

  test('the whole, or a computed name', () => {
    assert.deepEqual(referred('outputs[item]'), { whole: ['outputs'], item: true });
    assert.deepEqual(referred('keys(params)'), { whole: ['params'] });
  });

  test('variables of comprehensions shadow', () => {
    assert.deepEqual(referred('[1].map(outputs, outputs.x)'), {});
    assert.deepEqual(referred('outputs.a.map(item, item + index)'), { outputs: ['a'], index: true });
    assert.deepEqual(referred('[item].map(item, item)'), { item: true });
  });

  test('of every text of a value; none without expressions', () => {
    assert.deepEqual([...references({ a: ['x${{ outputs.a }}', '$${{ outputs.b }}'] }).outputs], ['a']);
    assert.throws(() => references('${{ 1 + }}'), ExpressionFailure);
  });
});

describe('secrets', () => {
  test('a text that names a secret may hold its mark', () => {
    assert.equal(valueIn('"Bearer " + secrets.TOKEN'), `Bearer ${secretMark('TOKEN')}`);
    assert.deepEqual(valueIn('{"a": secrets}'), { a: { TOKEN: secretMark('TOKEN') } });
  });

  test('a value cannot bring in the mark of another', () => {
    const item = secretMark('TOKEN');
    assert.match(failureOf('item', { item }), /secret "TOKEN"/);
    assert.match(failureOf('[item]', { item }), /secret "TOKEN"/);
    assert.match(failureOf('item', { item: { a: [item] } }), /secret "TOKEN"/);
    assert.match(failureOf('json(item)', { item: JSON.stringify(item) }), /NUL/);
  });
});
