import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { complaintsOf, inHere, inKey } from './check-expressions.fixture.ts';

describe('items', () => {
  test('of each and matrix have their types', () => {
    assert.deepEqual(inKey('many', 'run', 'x ${{ item.trim() }} ${{ index + 1 }}'), []);
    assert.match(inKey('many', 'run', '${{ item.name }}')[0]!, /item is text and has no "name"/);
    assert.deepEqual(inKey('pairs', 'run', '${{ item.size + 1 }} ${{ item.file.trim() }}'), []);
    assert.match(inKey('pairs', 'run', '${{ item.sise }}')[0]!, /item has no "sise": Did you mean "size"/);
    assert.deepEqual(inKey('entries', 'run', '${{ item.key + item.value }}'), []);
    assert.match(inKey('entries', 'run', '${{ item.name }}')[0]!, /item has no "name": It has key, value/);
  });

  test('are known in no other place', () => {
    assert.match(inHere('item')[0]!, /processor "here" has no each or matrix, so there is no "item"/);
    assert.match(inKey('many', 'when', '${{ index > 1 }}')[0]!, /"index" is not known in "when"/);
    assert.match(inKey('many', 'each', '${{ [item] }}')[0]!, /"item" is not known in "each"/);
    assert.match(inKey('pairs', 'matrix', { a: '${{ [item] }}' })[0]!, /"item" is not known in "matrix"/);
    assert.deepEqual(inKey('many', 'cache', { key: '${{ item }}' }), []);
  });

  test('of lists over each other in a cycle', () => {
    const found = complaintsOf(({ processors }) => {
      Object.assign(processors, {
        a: { each: '${{ outputs.b }}', needs: 'b', run: '${{ item.x }}' },
        b: { each: '${{ outputs.a }}', needs: 'a', run: '${{ item.x }}' },
      });
    });
    assert.deepEqual(found, []);
  });
});

describe('places', () => {
  test('when must be true or false, each and matrix lists', () => {
    assert.match(
      inKey('here', 'when', '${{ params.width }}')[0]!,
      /"when" must be true or false, and this is a number/,
    );
    assert.deepEqual(inKey('here', 'when', '${{ params.width > 3 }}'), []);
    assert.deepEqual(inKey('here', 'when', true), []);
    assert.match(inKey('here', 'each', '${{ params.name }}')[0]!, /"each" must be a list, and this is text/);
    assert.deepEqual(inKey('here', 'each', '${{ outputs.text }}'), []);
    assert.match(inKey('here', 'matrix', { a: '${{ 5 }}' })[0]!, /"matrix" must be a list/);
  });

  test('secrets are refused where values are kept', () => {
    assert.match(
      inKey('here', 'when', '${{ secrets.TOKEN == "x" }}')[0]!,
      /secrets cannot be used in "when"/,
    );
    assert.match(inKey('here', 'each', '${{ [secrets.TOKEN] }}')[0]!, /secrets cannot be used in "each"/);
    assert.match(
      inKey('here', 'cache', { key: 'a${{ secrets.TOKEN }}' })[0]!,
      /cannot be used in "cache\.key"/,
    );
    const outputs = complaintsOf((pipeline) => {
      Object.assign(pipeline, { outputs: { files: { a: '${{ secrets.TOKEN }}' } } });
    });
    assert.match(outputs[0]!, /cannot be used in "outputs\.files"/);
    assert.deepEqual(inKey('here', 'env', { A: '${{ secrets.TOKEN }}' }), []);
    assert.deepEqual(inKey('here', 'program', ['x', '${{ secrets.TOKEN }}']), []);
  });

  test('what holds for every processor has no outputs and no items', () => {
    const found = complaintsOf((pipeline) => {
      Object.assign(pipeline, {
        defaults: { env: { A: '${{ params.width }}', B: '${{ outputs.text.text }}', C: '${{ item }}' } },
        cache: { key: '${{ files.text }}' },
      });
    });
    assert.equal(found.length, 3);
    assert.match(found[0]!, /outputs are not known in "defaults\.env"/);
    assert.match(found[1]!, /"item" is not known in "defaults\.env"/);
    assert.match(found[2]!, /files are not known in "cache\.key"/);
  });

  test('outputs of the pipeline see every processor', () => {
    const of = (outputs: object) => complaintsOf((pipeline) => Object.assign(pipeline, { outputs }));
    assert.deepEqual(
      of({ files: { a: '${{ files.apart["x"] }}' }, records: { table: 't', rows: '${{ outputs.many }}' } }),
      [],
    );
    assert.match(of({ records: [{ table: 't', rows: '${{ outputs.nope }}' }] })[0]!, /no processor "nope"/);
    assert.match(of({ records: { table: 't', rows: '${{ params.name }}' } })[0]!, /must be a list of maps/);
  });
});
