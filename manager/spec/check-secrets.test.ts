import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse, testRefusals, withProcessors } from './fixtures/refusals.ts';

describe('secrets are refused', () => {
  testRefusals([
    [
      'with names of other variables',
      `params: { api-key: x }
context: { TEAM: x }
secrets: [API_KEY, TEAM, DATE, PATH, OK, OK, WIZ_RUN_ID]
${withProcessors('a: { run: x }')}`,
      [
        'p.yaml:3:11: the secret "API_KEY" is also the variable of param "api-key". Choose another name.',
        'p.yaml:3:20: the secret "TEAM" is also a context key. Choose another name.',
        'p.yaml:3:26: the secret "DATE" is a macro of wiz itself. Choose another name.',
        'p.yaml:3:32: the secret "PATH" would be the variable PATH, which programs need as it is. Choose another name.',
        'p.yaml:3:42: the secret "OK" is named twice. Remove one.',
        'p.yaml:3:46: "secrets[6]" is set by wiz itself.',
      ],
    ],
    [
      'without exactly one place where they are',
      `secrets: { A: {}, B: { env: X, file: y }, C: { env: 1-2 }, D: { command: pass show }, E: x }
${withProcessors('a: { run: x }')}`,
      [
        'p.yaml:1:12: "secrets.A" must be a map with one of env, file or command.',
        'p.yaml:1:19: "secrets.B" must be a map with one of env, file or command.',
        'p.yaml:1:53: "secrets.C.env" must be the name of a variable, not "1-2".',
        'p.yaml:1:74: "secrets.D.command" must be a list: the program, then its arguments, not "pass show".',
        'p.yaml:1:90: "secrets.E" must be a map with one of env, file or command, not "x".',
      ],
    ],
    [
      'when the pipeline does not have them, or another variable does',
      `secrets: [TOKEN, OTHER]
defaults: { env: { OTHER: x } }
${withProcessors(
  'a: { run: x, secrets: TOKN }',
  'b: { run: x, secrets: [GITHUB, TOKEN, TOKEN] }',
  'c: { run: x, secrets: [TOKEN, OTHER], env: { TOKEN: x } }',
)}`,
      [
        'p.yaml:5:25: processor "a" has the secret "TOKN", which the pipeline does not declare. Did you mean "TOKEN"?',
        'p.yaml:6:26: processor "b" has the secret "GITHUB", which the pipeline does not declare. Add it to "secrets" of the pipeline.',
        'p.yaml:6:41: processor "b" has the secret "TOKEN" twice. Remove one.',
        'p.yaml:7:26: processor "c" has the variable "TOKEN" both in secrets and in env. Remove one.',
        'p.yaml:7:33: processor "c" has the variable "OTHER" both in secrets and in defaults.env. Remove one.',
      ],
    ],
  ]);
});

test('secrets are found by variable, file or command; files start at the folder of the pipeline', async () => {
  const secretsOf = async (secrets: string) =>
    (await parse(`secrets: ${secrets}\n${withProcessors('a: { run: x }')}`))[0]!.spec.secrets;
  assert.deepEqual(await secretsOf('[A, B]'), { A: { env: 'A' }, B: { env: 'B' } });
  assert.deepEqual(
    await secretsOf(
      '{ A: { env: X }, B: { file: ../k.pem }, C: { file: /k }, D: { command: [pass, 1.10] } }',
    ),
    { A: { env: 'X' }, B: { file: '/k.pem' }, C: { file: '/k' }, D: { command: ['pass', '1.10'] } },
  );
});
