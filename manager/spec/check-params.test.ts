import { describe } from 'node:test';
import { testRefusals, withProcessors } from './fixtures/refusals.ts';

describe('params that do not fit are refused', () => {
  testRefusals([
    [
      'a default of the wrong type',
      `params: { n: { type: integer, default: 1.5 } }\n${withProcessors('a: { run: x }')}`,
      ['p.yaml:1:40: the default of param "n" must be a whole number, not the number 1.5.'],
    ],
    [
      'a default outside enum',
      `params: { n: { enum: [a, b], default: c } }\n${withProcessors('a: { run: x }')}`,
      ['p.yaml:1:39: the default of param "n" must be one of a, b, not "c".'],
    ],
    [
      'params with one variable',
      `params: { api-url: x, apiUrl: y }\n${withProcessors('a: { run: x }')}`,
      ['p.yaml:1:23: params "api-url" and "apiUrl" would both be the variable API_URL. Choose another name.'],
    ],
    [
      'params with names of others',
      `params: { date: x, path: y }\n${withProcessors('a: { run: x }')}`,
      [
        'p.yaml:1:11: param "date" would be the variable DATE, which wiz itself sets. Choose another name.',
        'p.yaml:1:20: param "path" would be the variable PATH, which programs need as it is. Choose another name.',
      ],
    ],
  ]);
});
