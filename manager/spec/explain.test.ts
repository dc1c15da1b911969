import { describe } from 'node:test';
import { testRefusals, withProcessors } from './fixtures/refusals.ts';

describe('keys and values that do not fit are refused', () => {
  testRefusals([
    [
      'an unknown key',
      withProcessors('parse:', '  need: []', '  run: x'),
      ['p.yaml:4:5: unknown key "need" in processor "parse". Did you mean "needs"?'],
    ],
    [
      'an unknown key of the pipeline',
      `nme: y\n${withProcessors('a: { run: x }')}`,
      ['p.yaml:1:1: unknown key "nme". Did you mean "name"?'],
    ],
    [
      'a key of other systems',
      withProcessors('a: { command: x }'),
      [
        'p.yaml:3:3: processor "a" has nothing to do: it needs one of run, program or uses.',
        'p.yaml:3:8: unknown key "command" in processor "a". wiz calls it "run".',
      ],
    ],
    [
      'keys of later versions',
      withProcessors('a: { run: x, each: y, queue: cpu }'),
      [
        'p.yaml:3:16: this version of wiz does not have the key "each" in processor "a". Remove it.',
        'p.yaml:3:25: this version of wiz does not have the key "queue" in processor "a". Remove it.',
      ],
    ],
    [
      'a key one level too high',
      `timeout: 5s\n${withProcessors('a: { run: x }')}`,
      ['p.yaml:1:1: unknown key "timeout". Write it in a processor, or under "defaults" for all of them.'],
    ],
    [
      'an unknown key deep down',
      withProcessors('a: { run: x, retries: { backoff: { intial: 1s } } }'),
      ['p.yaml:3:38: unknown key "intial" in "retries.backoff" of processor "a". Did you mean "initial"?'],
    ],
    [
      'a duplicate pipeline',
      `${withProcessors('a: { run: x }')}---\n${withProcessors('a: { run: x }')}`,
      [
        'p.yaml:5:7: duplicate pipeline "x"; the first is at p.yaml:1:7. Every pipeline has a name of its own.',
      ],
    ],
    [
      'a name with a space',
      withProcessors('"a b": { run: x }'),
      [
        'p.yaml:3:3: the name "a b" in "processors" must start with a letter or digit, and hold only letters, digits, ".", "_" and "-" (at most 100).',
      ],
    ],
    [
      'a variable that wiz sets',
      withProcessors('a: { run: x, env: { WIZ_INPUT: y } }'),
      ['p.yaml:3:23: the name "WIZ_INPUT" in "env" of processor "a" is set by wiz itself.'],
    ],
    [
      'a number for a duration',
      withProcessors('a:', '  run: x', '  timeout: 10'),
      [
        'p.yaml:5:14: "timeout" of processor "a" must be a duration such as 10s, 1m30s, 500ms or 2h, or none, not the number 10. Write 10s for seconds.',
      ],
    ],
    [
      'a time-out of nothing',
      withProcessors('a: { run: x, timeout: 0s }'),
      ['p.yaml:3:25: "timeout" of processor "a" must be longer than 0 (for no time-out write none).'],
    ],
    [
      'a duration of months',
      withProcessors('a: { run: x, grace: 90d }'),
      ['p.yaml:3:23: "grace" of processor "a" must be at most 24d.'],
    ],
    [
      'a text for a number',
      `concurrency: many\n${withProcessors('a: { run: x }')}`,
      ['p.yaml:1:14: "concurrency" must be a whole number from 1 to 100000, not "many".'],
    ],
    [
      'too many retries',
      withProcessors('a: { run: x, retries: { limit: -1 } }'),
      [
        'p.yaml:3:34: "retries.limit" of processor "a" must be a whole number from 0 to 1000, not the number -1.',
      ],
    ],
    [
      'a back-off upside down',
      withProcessors('a: { run: x, retries: { backoff: { initial: 2m, max: 1m } } }'),
      ['p.yaml:3:27: "retries.backoff" of processor "a" has an initial wait that is longer than max.'],
    ],
    [
      'a value left out',
      withProcessors('a:', '  run: x', '  env:'),
      [
        'p.yaml:5:5: "env" of processor "a" must be a map of names and texts, but it is empty. Give it a value, or remove it.',
      ],
    ],
    [
      'a number for a name',
      'name: 7\nprocessors: { a: { run: x } }\n',
      ['p.yaml:1:7: "name" must be a name, not the number 7. Write it in quotes: "7".'],
    ],
    [
      'a choice that is none',
      withProcessors('a: { run: x, onFailure: ignore, shell: zsh }'),
      [
        'p.yaml:3:27: "onFailure" of processor "a" must be fail or warn, not "ignore".',
        'p.yaml:3:42: "shell" of processor "a" must be bash, sh, python or node, not "zsh".',
      ],
    ],
    [
      'a program as text',
      withProcessors('a: { program: ls -l }'),
      [
        'p.yaml:3:17: "program" of processor "a" must be a list: the program, then its arguments, not "ls -l". Write program: [NAME, ARGUMENT], or use run for a line of shell.',
      ],
    ],
    [
      'two actions',
      withProcessors('a: { run: x, uses: noop }'),
      ['p.yaml:3:3: processor "a" has run and uses, but can have only one of them.'],
    ],
    [
      'options without uses',
      withProcessors('a: { run: x, with: {} }'),
      ['p.yaml:3:3: processor "a" has with, but no uses for it.'],
    ],
    [
      'a NUL in text',
      withProcessors('a: { run: "x\\0" }'),
      ['p.yaml:3:13: the text holds a character that no program can take (NUL or half a surrogate pair).'],
    ],
    [
      'numbers that JSON does not have',
      withProcessors('a: { uses: noop, with: { a: .nan, b: [12345678901234567890] } }'),
      [
        'p.yaml:3:28: unknown key "a" in "with" of processor "a". There are no keys here.',
        'p.yaml:3:31: .nan is not a number that JSON can hold. Put it in quotes.',
        'p.yaml:3:37: unknown key "b" in "with" of processor "a". There are no keys here.',
        'p.yaml:3:41: 12345678901234567890 has more digits than a number keeps. Put it in quotes.',
      ],
    ],
  ]);
});
