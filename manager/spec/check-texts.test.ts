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
        'p.yaml:3:25: unknown macro "${HOSTNAME}". Known macros: RUN_ID, PIPELINE, DATE, TIME, DATETIME, RANDOM:n. For these characters as they are write $${ in place of ${.',
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
      'random characters without a number, or with too high a one',
      withProcessors('a: { program: ["${RANDOM}", "${RANDOM:0}${RANDOM:65}", "${RANDOM:64}"] }'),
      [
        'p.yaml:3:19: unknown macro "${RANDOM}". Write ${RANDOM:8} for 8 random characters.',
        'p.yaml:3:32: "${RANDOM:0}" must have a length from 1 to 64.',
        'p.yaml:3:43: "${RANDOM:65}" must have a length from 1 to 64.',
      ],
    ],
    [
      'a secret as a macro',
      `secrets: [TOKEN]\n${withProcessors('a: { program: ["${TOKEN}"] }')}`,
      ['p.yaml:4:19: unknown macro "${TOKEN}". Write ${{ secrets.TOKEN }} for the secret.'],
    ],
    [
      'a macro in workdir',
      withProcessors('a: { run: x, workdir: "${DATE}" }'),
      ['p.yaml:3:26: macros do not work here: "${DATE}". Write it out.'],
    ],
    [
      'macros where they are taken as they are',
      `secrets: { S: { file: "\${DATE}.key" } }\n${withProcessors('a: { run: x, cache: { inputs: "${DATE}/*" } }')}`,
      [
        'p.yaml:1:24: macros do not work here: "${DATE}". Write it out.',
        'p.yaml:4:34: macros do not work here: "${DATE}". Write it out.',
      ],
    ],
  ]);
});

describe('expressions are refused', () => {
  const hint = 'They work in run, program, with, env, when, each, matrix, cache.key, outputs and hooks.';
  testRefusals([
    [
      'where texts are fixed before the run',
      `context: { A: "\${{ 1 }}" }
labels: { l: "x \${{ 1 }}" }
workdir: "\${{ 1 }}"
secrets: { S: { command: [cat, "\${{ 1 }}"] } }
${withProcessors('a: { run: x, workdir: "a/${{ 1 }}", cache: { inputs: "${{ 1 }}", version: "${{ 1 }}" } }')}`,
      [
        `p.yaml:1:16: expressions do not work here: "\${{ 1 }}". ${hint}`,
        `p.yaml:2:17: expressions do not work here: "\${{ 1 }}". ${hint}`,
        `p.yaml:3:11: expressions do not work here: "\${{ 1 }}". ${hint}`,
        `p.yaml:4:33: expressions do not work here: "\${{ 1 }}". ${hint}`,
        `p.yaml:7:28: expressions do not work here: "\${{ 1 }}". ${hint}`,
        `p.yaml:7:57: expressions do not work here: "\${{ 1 }}". ${hint}`,
        `p.yaml:7:78: expressions do not work here: "\${{ 1 }}". ${hint}`,
      ],
    ],
    [
      'that have no end, in a block of text',
      withProcessors('a:', '  run: |', '    echo ${X}', '      ${{ params.x'),
      [
        'p.yaml:6:9: the expression "${{ params.x\n" has no end. Close it, and what is in quotes or braces in it, with }}. For these characters as they are write $${{.',
      ],
    ],
  ]);
});
