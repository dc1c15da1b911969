import { describe } from 'node:test';
import { testRefusals, withProcessors } from './fixtures/refusals.ts';

describe('calls that do not fit the processor are refused', () => {
  testRefusals([
    [
      'an unknown processor',
      withProcessors('a: { uses: htp }'),
      ['p.yaml:3:14: there is no processor "htp" to use. Did you mean "http"?'],
    ],
    [
      'wrong options',
      withProcessors(
        'a:',
        '  uses: http',
        '  with:',
        '    url: example',
        '    method: PUSH',
        '    hedders: {}',
        '    headers: { n: 1 }',
        '    expect: [200, ok]',
        '    page: { size: 500 }',
      ),
      [
        'p.yaml:6:12: "with.url" of processor "a" must be a URL, not "example".',
        'p.yaml:7:15: "with.method" of processor "a" must be one of GET, POST, not "PUSH".',
        'p.yaml:8:7: unknown key "hedders" in "with" of processor "a". Did you mean "headers"?',
        'p.yaml:9:21: "with.headers.n" of processor "a" must be text, not the number 1. Write it in quotes: "1".',
        'p.yaml:10:21: "with.expect[1]" of processor "a" must be a number, not "ok".',
        'p.yaml:11:21: "with.page.size" of processor "a" must be at most 100, not the number 500.',
      ],
    ],
    [
      'options left out',
      withProcessors('a: { uses: http }'),
      ['p.yaml:3:3: "with" of processor "a" has no "url". Add "url:".'],
    ],
    [
      'a choice left out',
      withProcessors('a: { uses: file, with: {} }'),
      ['p.yaml:3:20: "with" of processor "a" has no "action". Add "action:" with one of read, write.'],
    ],
    [
      'options that a macro cannot make right',
      `params: { n: 5 }\n${withProcessors('a: { uses: http, with: { url: "${N}", method: "${N}", expect: "${N}", page: { size: "1${N}" } } }')}`,
      ['p.yaml:4:87: "with.page.size" of processor "a" must be a number, not "1${N}".'],
    ],
  ]);
});
