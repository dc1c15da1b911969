import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WizError } from '../../proto/error.ts';
import { environmentName, paramEnvironment, resolveParams } from './params.ts';
import type { ParamSpec } from './spec.ts';

const param = (type: ParamSpec['type'], more: Partial<ParamSpec> = {}): ParamSpec => ({
  type,
  description: '',
  required: false,
  ...more,
});

const SPEC = {
  name: 'audit',
  params: {
    root: param('string', { default: 'node_modules' }),
    width: param('integer'),
    ratio: param('number', { default: 0.5 }),
    deep: param('boolean'),
    shape: param('json'),
    size: param('string', { enum: ['small', 'large'] }),
  },
};

test('names of variables are in capitals, words apart', () => {
  const names = {
    root: 'ROOT',
    'api-url': 'API_URL',
    apiUrl: 'API_URL',
    v2Beta: 'V2_BETA',
    HTTP_PORT: 'HTTP_PORT',
  };
  for (const [name, variable] of Object.entries(names)) assert.equal(environmentName(name), variable);
});

describe('values given as text', () => {
  test('become values of the type of their param; defaults fill in the others', () => {
    const given = { width: '80', deep: 'true', shape: '{"a":[1,null]}', size: 'large' };
    assert.deepEqual(resolveParams(SPEC, given), {
      root: 'node_modules',
      width: 80,
      ratio: 0.5,
      deep: true,
      shape: { a: [1, null] },
      size: 'large',
    });
  });

  test('may be left out when they are optional', () => {
    assert.deepEqual(resolveParams(SPEC, {}), { root: 'node_modules', ratio: 0.5 });
  });

  test('keep the empty text and what looks like a number as text', () => {
    assert.deepEqual(resolveParams(SPEC, { root: '' }).root, '');
    assert.deepEqual(resolveParams(SPEC, { root: '007' }).root, '007');
  });

  test('that are wrong are named all at once', () => {
    const given = {
      rot: 'x',
      colour: 'red',
      width: '1.5',
      ratio: '',
      deep: 'yes',
      shape: '{',
      size: 'medium',
    };
    assert.throws(
      () =>
        resolveParams(
          { ...SPEC, params: { ...SPEC.params, must: param('string', { required: true }) } },
          given,
        ),
      (error: WizError) => {
        assert.equal(error.code, 'invalid_argument');
        assert.deepEqual(
          error.diagnostics.map(({ message, hint }) => `${message}. ${hint}`.trim()),
          [
            'pipeline "audit" has no param "rot". Did you mean "root"?',
            'pipeline "audit" has no param "colour". It has root, width, ratio, deep, shape, size, must.',
            'param "width" must be a whole number, not "1.5".',
            'param "ratio" must be a number, not "".',
            'param "deep" must be true or false, not "yes".',
            'param "shape" must be JSON, not "{".',
            'param "size" must be one of small, large, not "medium".',
            'param "must" is required. Give it with -p must=VALUE.',
          ],
        );
        return true;
      },
    );
  });

  test('that are wrong alone are the message of the error', () => {
    assert.throws(() => resolveParams(SPEC, { rot: 'x' }), {
      message: 'pipeline "audit" has no param "rot". Did you mean "root"?',
    });
  });
});

test('programs see values as text', () => {
  assert.deepEqual(paramEnvironment({ 'api-url': 'x', width: 80, deep: false, shape: { a: 1 } }), {
    API_URL: 'x',
    WIDTH: '80',
    DEEP: 'false',
    SHAPE: '{"a":1}',
  });
});
