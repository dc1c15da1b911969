import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PipelineSpec } from '../spec/spec.ts';
import { checkAddress } from './addresses.ts';
import { allowsHost, checkAllowed, NotAllowed, OPEN_POLICY } from './policy.ts';

const goesTo = (url: string) => {
  const action = { kind: 'webhook', url, secret: null, headers: {} };
  return { name: 'x', secrets: {}, hooks: [{ action }] } as unknown as PipelineSpec;
};
const policy = (...hosts: string[]) => ({ ...OPEN_POLICY, hosts, privateAddresses: false });

test('a host is the same however it is written', () => {
  for (const host of ['::1', '[::1]']) {
    checkAllowed(goesTo('http://[::1]:8080/x'), policy(host));
    assert.ok(allowsHost('::1', policy(host)));
    checkAddress('::1', '::1', policy(host));
  }
  checkAllowed(goesTo('https://Hooks.Example.org/'), policy('hooks.EXAMPLE.org'));
  checkAddress('hooks.example.org', '10.0.0.1', policy('hooks.EXAMPLE.org'));
  checkAddress('hooks.example.org', '169.254.0.1', policy('hooks.EXAMPLE.org'));
});

test('hosts below one are allowed, and not the one, nor private addresses of theirs', () => {
  const below = policy('*.Example.org');
  checkAllowed(goesTo('https://hooks.example.org/'), below);
  for (const url of ['https://example.org/', 'https://badexample.org/', 'http://[::1]/']) {
    assert.throws(() => checkAllowed(goesTo(url), below), { code: 'permission_denied' });
  }
  assert.throws(() => checkAddress('hooks.example.org', '10.0.0.1', below), NotAllowed);
});
