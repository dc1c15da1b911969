import { describe } from 'node:test';
import { testRefusals, withProcessors } from './fixtures/refusals.ts';

describe('what is no YAML is refused in plain words', () => {
  testRefusals([
    [
      'a tab',
      withProcessors('a:', '\trun: x'),
      ['p.yaml:4:3: there is a tab in the indentation. YAML indents with spaces only.'],
    ],
    [
      'a colon in plain text',
      withProcessors('a: { program: [x] }', 'b:', '  run: echo a: b'),
      [
        'p.yaml:5:10: a key and its value stand where only a value can. Put text that holds ": " in quotes, or write it below a |. Or is the next line indented too far?',
      ],
    ],
    ['an open quote', 'name: "x\n', ['p.yaml:2:1: missing closing quote ".']],
    [
      'an unknown tag',
      'name: !secret x\n',
      ['p.yaml:1:7: unresolved tag: !secret. No tags are needed here; remove it.'],
    ],
    [
      'an old YAML',
      '%YAML 1.1\n---\nname: x\n',
      ['p.yaml:1:1: the file asks for an old version of YAML; it is read as YAML 1.2. Remove %YAML.'],
    ],
  ]);
});
