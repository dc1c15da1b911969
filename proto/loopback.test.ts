import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLocalAddress, isLoopback } from './loopback.ts';

describe('what is of this machine', () => {
  it('is a host on loopback, and none that only begins like one', () => {
    for (const host of [
      '127.0.0.1',
      '127.9.9.9',
      '::1',
      '[::1]',
      '0:0:0:0:0:0:0:1',
      'localhost',
      'LOCALHOST',
    ]) {
      assert.ok(isLoopback(host), host);
    }
    for (const host of [
      '',
      '0.0.0.0',
      '128.0.0.1',
      '::',
      '::1:2',
      '127.evil.com',
      '127.0.0.1.evil.com',
      'localhost.evil.com',
    ]) {
      assert.ok(!isLoopback(host), host);
    }
  });

  it('is the address of an executor there, or a socket', () => {
    for (const address of ['unix:/run/x', 'localhost:1', 'LocalHost:1', '127.0.0.1:0', '[::1]:80']) {
      assert.ok(isLocalAddress(address), address);
    }
    for (const address of [
      '',
      'localhost',
      '0.0.0.0:1',
      '::1:80',
      'localhost:80@evil.com:1',
      '127.0.0.1.evil.com:1',
      '[::1].evil.com:1',
    ]) {
      assert.ok(!isLocalAddress(address), address);
    }
  });
});
