import { describe } from 'node:test';
import { testRefusals, withProcessors } from './fixtures/refusals.ts';

describe('macros that cannot be fixed are refused', () => {
  testRefusals([
    [
      'an unknown macro',
      `params: { root: x }\n${withProcessors('a:', '  program: [find, "in ${RUT} or ${ROOT}"]')}`,
      ['p.yaml:5:25: unknown macro "${RUT}". Did you mean "${ROOT}"?'],
    ],
    [
      'a macro in small letters',
      `params: { root: x }\n${withProcessors('a: { run: x, env: { R: "${root}" } }')}`,
      ['p.yaml:4:27: unknown macro "${root}". Did you mean "${ROOT}"?'],
    ],
    [
      'a macro far from all',
      withProcessors('a: { program: [echo, "${HOSTNAME}"] }'),
      [
        'p.yaml:3:25: unknown macro "${HOSTNAME}". Known macros: RUN_ID, PIPELINE, DATE, TIME, DATETIME. For these characters as they are write $${ in place of ${.',
      ],
    ],
    [
      'a macro that is none',
      withProcessors('a: { program: [echo, "${A:-b}"] }'),
      ['p.yaml:3:25: "${A:-b}" is not a macro. For these characters as they are write $${ in place of ${.'],
    ],
    [
      'context in context',
      `context: { A: x, B: "\${A}" }\n${withProcessors('a: { run: x }')}`,
      [
        'p.yaml:1:22: a context value cannot use the context key "A". Only params and built-in macros work here.',
      ],
    ],
    [
      'an expression in a block of text',
      withProcessors('a:', '  run: |', '    echo', '      ${{ outputs.x }}'),
      [
        'p.yaml:6:9: this version of wiz does not have expressions: "${{ outputs.x }}". Use a macro such as ${NAME}, or read the file WIZ_INPUT in a program.',
      ],
    ],
    [
      'a macro in workdir',
      withProcessors('a: { run: x, workdir: "${DATE}" }'),
      ['p.yaml:3:26: macros do not work here: "${DATE}". Write it out.'],
    ],
  ]);
});
