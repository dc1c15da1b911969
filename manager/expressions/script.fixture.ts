import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { JsonValue } from '../spec/spec.ts';
import type { Scope } from './expressions.ts';

export type Shell = 'bash' | 'sh' | 'python' | 'node';

const PROGRAMS: Record<Shell, string[]> = {
  bash: ['bash', '-c'],
  sh: ['sh', '-c'],
  python: ['python3', '-c'],
  node: [process.execPath, '-e'],
};

export function isThere(shell: Shell): boolean {
  return spawnSync(PROGRAMS[shell][0]!, ['-c', '']).status !== null;
}

const folder = mkdtempSync(join(tmpdir(), 'wiz-quote-script-'));
after(() => rmSync(folder, { recursive: true }));

export function run(shell: Shell, script: string): string {
  const [program, ...args] = PROGRAMS[shell];
  const env = { PATH: process.env.PATH, PYTHONIOENCODING: 'utf-8', LC_ALL: 'C.UTF-8' };
  const { stdout, stderr, status } = spawnSync(program!, [...args, script], { cwd: folder, env });
  assert.equal(status, 0, `${script}\n${stderr}`);
  assert.deepEqual(readdirSync(folder), [], `something ran: ${script}`);
  return stdout.toString();
}

export function scopeOf(values: JsonValue, secrets: Record<string, string> = {}): Scope {
  const about = { id: '', pipeline: '', date: '', time: '', datetime: '' };
  return {
    params: {},
    context: {},
    outputs: {},
    files: {},
    run: about,
    state: {},
    secrets,
    item: values,
    index: 0,
  };
}

export const VALUE = '${{ item }}';
