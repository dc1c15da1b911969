import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse, testRefusals } from './fixtures/refusals.ts';

const file = (rest: string) => `name: x\nprocessors: { build: { run: x }, deploy: { run: x } }\n${rest}`;

describe('hooks', () => {
  test('have their defaults', async () => {
    const [pipeline] = await parse(
      file(`secrets: [KEY]
hooks:
  - { on: run.failed, webhook: { url: " https://example.org/\${{ run.id }} ", secret: KEY } }
  - { on: [run.started], run: echo }
`),
    );
    assert.deepEqual(pipeline!.spec.hooks, [
      {
        on: ['run.failed'],
        processors: [],
        action: { kind: 'webhook', url: 'https://example.org/${{ run.id }}', secret: 'KEY', headers: {} },
        timeoutMs: 10_000,
      },
      {
        on: ['run.started'],
        processors: [],
        action: { kind: 'script', text: 'echo', shell: 'bash' },
        timeoutMs: 30_000,
      },
    ]);
  });

  test('have numbers where texts are wanted as they are written', async () => {
    const [pipeline] = await parse(
      file(`hooks:
  - { on: run.failed, webhook: { url: "https://example.org", headers: { version: 1.10 } } }
  - { on: run.failed, command: [tell, 1.10, 0x1F] }
`),
    );
    const [webhook, command] = pipeline!.spec.hooks.map(({ action }) => action);
    assert.deepEqual(webhook, { ...webhook, headers: { version: '1.10' } });
    assert.deepEqual(command, { kind: 'command', argv: ['tell', '1.10', '0x1F'] });
  });

  testRefusals([
    [
      'an event that is not there',
      file('hooks: [{ on: run.faild, run: x }]'),
      ['p.yaml:3:15: there is no event "run.faild". Did you mean "run.failed"?'],
    ],
    [
      'a processor that is not there',
      file('hooks: [{ on: processor.failed, processors: deplo, run: x }]'),
      ['p.yaml:3:45: a hook is about the processor "deplo", which does not exist. Did you mean "deploy"?'],
    ],
    [
      'processors without an event of processors',
      file('hooks: [{ on: run.failed, processors: deploy, run: x }]'),
      [
        'p.yaml:3:39: "hooks[0]" names processors, but no event of processors. Add one, such as processor.failed, to "on", or remove "processors".',
      ],
    ],
    [
      'a secret that is not declared',
      file('secrets: [KEY]\nhooks: [{ on: run.failed, webhook: { url: "https://e.org", secret: KEYS } }]'),
      ['p.yaml:4:68: the hook signs with the secret "KEYS", which is not declared. Did you mean "KEY"?'],
    ],
    [
      'a secret that only executors find',
      file(
        'secrets: { KEY: { command: [pass] } }\nhooks: [{ on: run.failed, webhook: { url: "https://e.org/${{ secrets.KEY }}", secret: KEY } }]',
      ),
      [
        'p.yaml:4:70: hooks cannot use the secret "KEY", which only executors can find. Give it by env or file.',
        'p.yaml:4:87: the hook signs with the secret "KEY", which only executors can find (command). Give it by env or file.',
      ],
    ],
    [
      'a URL of another kind',
      file('hooks: [{ on: run.failed, webhook: { url: "ftp://e.org" } }]'),
      [
        'p.yaml:3:43: the URL of a webhook must be an http or https one, not "ftp://e.org". Write for example https://example.org/hooks.',
      ],
    ],
    [
      'two actions',
      file('hooks: [{ on: run.failed, run: x, command: [x] }]'),
      ['p.yaml:3:9: "hooks[0]" has command and run, but can have only one of them.'],
    ],
    [
      'a wrong key',
      file('hooks: [{ on: run.failed, webhook: { url: "https://e.org", header: {} } }]'),
      ['p.yaml:3:60: unknown key "header" in "hooks[0].webhook". Did you mean "headers"?'],
    ],
    [
      'names that hooks do not have',
      file('hooks: [{ on: run.failed, command: [x, "${{ outputs.build }}", "${{ run.stat }}"] }]'),
      [
        'p.yaml:3:45: there is nothing named "outputs" in hooks. There are event, run, params, secrets.',
        'p.yaml:3:73: run has no "stat". Did you mean "state"?',
      ],
    ],
    [
      'a macro',
      file('hooks: [{ on: run.failed, command: [x, "${RUN_ID}"] }]'),
      ['p.yaml:3:41: macros do not work here: "${RUN_ID}". Write it out.'],
    ],
  ]);
});
