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
      withProcessors('a: { run: x, requires: y, queue: cpu }'),
      [
        'p.yaml:3:16: this version of wiz does not have the key "requires" in processor "a". Remove it.',
        'p.yaml:3:29: this version of wiz does not have the key "queue" in processor "a". Remove it.',
      ],
    ],
    [
      'new keys by the names of other systems',
      `tz: UTC\nartifacts: {}\n${withProcessors('a: { run: x, foreach: [], if: x, trigger_rule: x, strategy: {}, max-parallel: 1, fail-fast: x }')}`,
      [
        'p.yaml:1:1: unknown key "tz". wiz calls it "timeZone".',
        'p.yaml:2:1: unknown key "artifacts". wiz calls it "outputs".',
        'p.yaml:5:16: unknown key "foreach" in processor "a". wiz calls it "each".',
        'p.yaml:5:29: unknown key "if" in processor "a". wiz calls it "when".',
        'p.yaml:5:36: unknown key "trigger_rule" in processor "a". wiz calls it "rule".',
        'p.yaml:5:53: unknown key "strategy" in processor "a". wiz calls it "matrix".',
        'p.yaml:5:67: unknown key "max-parallel" in processor "a". wiz calls it "width".',
        'p.yaml:5:84: unknown key "fail-fast" in processor "a". wiz calls it "failFast".',
      ],
    ],
    [
      'unknown keys of the new maps',
      `cache: { input: x }
secrets: { S: { envv: x } }
outputs: { filse: {}, records: [{ tabel: t, rows: x }] }
defaults: { cache: true }
${withProcessors('a: { run: x, cache: { vers: 1 } }')}`,
      [
        'p.yaml:1:10: unknown key "input" in "cache". Did you mean "inputs"?',
        'p.yaml:2:12: "secrets.S" must be a map with one of env, file or command.',
        'p.yaml:2:17: unknown key "envv" in "secrets.S". Did you mean "env"?',
        'p.yaml:3:12: unknown key "filse" in "outputs". Did you mean "files"?',
        'p.yaml:3:33: "outputs.records[0]" has no "table". Add "table:".',
        'p.yaml:3:35: unknown key "tabel" in "outputs.records[0]". Did you mean "table"?',
        'p.yaml:3:51: "outputs.records[0].rows" must be one expression, not "x". Write for example ${{ outputs.NAME }}.',
        'p.yaml:4:13: unknown key "cache" in "defaults". Write it as a key of the pipeline: it holds for all processors.',
        'p.yaml:7:25: unknown key "vers" in "cache" of processor "a". Known keys: inputs, env, version, key.',
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
      'keys that mean nothing without others',
      withProcessors(
        'a: { run: x, each: [1], matrix: { n: [1] } }',
        'b: { run: x, width: 2, failFast: true, rule: all-done }',
        'c: { uses: noop, data: json, needs: [], rule: all-done }',
      ),
      [
        'p.yaml:3:3: processor "a" has each and matrix, but can have only one of them.',
        'p.yaml:4:23: "width" of processor "b" is for processors with each or matrix. Add one of them, or remove it.',
        'p.yaml:4:36: "failFast" of processor "b" is for processors with each or matrix. Add one of them, or remove it.',
        'p.yaml:4:48: "rule" of processor "b" is about needs, and there are none. Add needs, or remove it.',
        'p.yaml:5:26: "data" of processor "c" is for run and program, not for uses. Remove it.',
        'p.yaml:5:49: "rule" of processor "c" is about needs, and there are none. Add needs, or remove it.',
      ],
    ],
    [
      'new keys with what does not fit',
      `staging: maybe
affinity: node
timeZone: Europe/Berln
cache: 5
secrets: TOKEN
outputs: {}
${withProcessors('a: { run: x, each: 5, width: 0, failFast: 1, data: xml, cache: { env: 1-2 }, secrets: 5 }', 'b: { run: x, needs: a, rule: never, when: 3, matrix: {} }')}`,
      [
        'p.yaml:1:10: "staging" must be on-failure, always or never, not "maybe".',
        'p.yaml:2:11: "affinity" must be none or run, not "node".',
        'p.yaml:3:11: "timeZone" must be the name of a time zone, not "Europe/Berln". Did you mean "Europe/Berlin"?',
        'p.yaml:4:8: "cache" must be true, false, or a map with inputs, env, version or key, not the number 5.',
        'p.yaml:5:10: "secrets" must be a map of names and where they are found, or a list of names, not "TOKEN".',
        'p.yaml:6:1: "outputs" must be a map with files or records.',
        'p.yaml:9:22: "each" of processor "a" must be a list, or one expression such as ${{ outputs.list.lines }}, not the number 5.',
        'p.yaml:9:32: "width" of processor "a" must be a whole number from 1 to 100000, not the number 0.',
        'p.yaml:9:45: "failFast" of processor "a" must be true or false, not the number 1.',
        'p.yaml:9:54: "data" of processor "a" must be auto, json, text, lines, bytes or protobuf, not "xml".',
        'p.yaml:9:73: "cache.env" of processor "a" must start with a letter or underscore, and hold only letters, digits and underscores (at most 100), not "1-2".',
        'p.yaml:9:89: "secrets" of processor "a" must be a name or a list of names, not the number 5. Write it in quotes: "5".',
        'p.yaml:10:32: "rule" of processor "b" must be all-succeeded, any-succeeded, all-done or none-failed, not "never".',
        'p.yaml:10:45: "when" of processor "b" must be true, false or one expression, not the number 3.',
        'p.yaml:10:48: "matrix" of processor "b" must have at least one list.',
      ],
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
