import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { loadConfig } from '../oclif.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { completionModel, type Model } from './model.ts';
import { zshScript } from './zsh.ts';

let model: Model;
before(async () => {
  model = completionModel(await loadConfig(join(import.meta.dirname, '../..'), { fresh: true }));
});

/** Offers of bash for a line whose last word is being typed. `wiz complete KIND …` answers abc and latest. */
function offers(...words: string[]): string[] {
  const script = `${bashScript(model)}
    command() { [[ $2 == complete ]] && printf 'abc\\tx\\nlatest\\t%s\\n' "\${*:3}" >&1; }
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _wiz; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
  return out.split('\n').filter(Boolean);
}

test('bash completes commands, flags, values, and names that the manager knows', () => {
  assert.deepEqual(offers('wiz', 'ru'), ['run', 'runs']);
  assert.deepEqual(offers('wiz', 'runs', 'l'), ['list', 'logs']);
  assert.deepEqual(offers('wiz', 'files', ''), ['cat', 'get', 'ls']);
  assert.deepEqual(offers('wiz', 'files', 'get', 'la'), ['latest']);
  assert.deepEqual(offers('wiz', 'files', 'ls', 'ab'), ['abc']);
  assert.deepEqual(offers('wiz', 'runs', 'get', 'x', '--instances', 'a'), ['abc']);
  assert.deepEqual(offers('wiz', 'run', 'x', '--each', join(import.meta.dirname, 'ba')), [
    join(import.meta.dirname, 'bash.ts'),
  ]);
  assert.deepEqual(offers('wiz', 'executor', ''), ['list', 'stop']);
  assert.deepEqual(offers('wiz', 'runs', 'logs', '--f'), ['--follow', '--from-line']);
  assert.deepEqual(offers('wiz', 'pipeline', 'graph', 'x', '--format', ''), ['text', 'dot', 'mermaid']);
  assert.deepEqual(offers('wiz', 'run', '-p', 'a=b', '--det'), ['--detach']);
  assert.deepEqual(offers('wiz', 'runs', 'get', 'la'), ['latest']);
  assert.deepEqual(offers('wiz', 'runs', 'logs', 'abc', ''), ['abc', 'latest']);
  assert.deepEqual(offers('wiz', 'completion', 'z'), ['zsh']);
  assert.deepEqual(offers('wiz', 'manager-b'), []);
});

test('after -- a program is typed: files', () => {
  assert.ok(
    offers('wiz', 'exec', '--', join(import.meta.dirname, 'ba')).includes(
      join(import.meta.dirname, 'bash.ts'),
    ),
  );
});

test('bash, zsh and fish can read their scripts', (t) => {
  const scripts = { bash: bashScript(model), zsh: zshScript(model), fish: fishScript(model) };
  for (const [shell, script] of Object.entries(scripts)) {
    const { status, stderr, error } = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' });
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') t.diagnostic(`no ${shell} here`);
    else assert.deepEqual([status, stderr], [0, ''], shell);
    for (const { path } of model.commands) assert.ok(script.includes(path), `${shell}: ${path}`);
  }
});
