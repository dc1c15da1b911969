import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentHash, executorEnvironment } from './executor-environment.ts';

test('programs get the caller’s environment without its terminal, its npm script, and wiz’s own', () => {
  const kept = {
    HOME: '/home/ada',
    PATH: '/bin',
    SSH_AUTH_SOCK: '/run/agent',
    TERMINUS: 'kept',
    WIZ_HOME: '/state',
    npm_config_registry: 'https://registry.example',
  };
  const left = {
    _: '/usr/bin/wiz',
    SHLVL: '2',
    PWD: '/tmp',
    OLDPWD: '/',
    COLUMNS: '80',
    LINES: '24',
    TERM: 'xterm',
    TERM_PROGRAM: 'x',
    TMUX: '/tmp/tmux',
    INIT_CWD: '/tmp',
    NODE_CHANNEL_FD: '3',
    TRACEPARENT: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    TRACESTATE: 'v=1',
    WIZ_EXECUTOR_TOKEN: 'secret',
    WIZ_EXECUTOR_ID: 'outer',
    WIZ_RUN_ID: 'outer',
    npm_lifecycle_event: 'test',
    npm_package_name: 'wiz',
    npm_command: 'exec',
    npm_config_local_prefix: '/tmp',
  };
  assert.deepEqual(executorEnvironment({ ...left, ...kept, UNSET: undefined }), kept);
});

test('the hash is that of what programs get, in any order', () => {
  const hash = environmentHash({ A: '1', B: '2', SHLVL: '1' });
  assert.equal(environmentHash({ B: '2', A: '1', SHLVL: '7' }), hash);
  assert.notEqual(environmentHash({ A: '1', B: '3' }), hash);
  assert.notEqual(environmentHash({ A: '1' }), hash);
  // Names and values are not run together.
  assert.notEqual(environmentHash({ A: '1=2' }), environmentHash({ 'A=1': '2' }));
});
