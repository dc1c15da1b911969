import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLimiter, networkOf } from './limiter.ts';

describe('the limiter', () => {
  const options = { free: 2, firstWaitMs: 100, longestWaitMs: 1000, forgetMs: 10_000, capacity: 3 };

  it('doubles the wait up to the longest, and forgets', () => {
    let nowMs = 0;
    const limiter = createLimiter({ ...options, now: () => nowMs });
    const waits = Array.from({ length: 8 }, () => {
      limiter.failed('a');
      return limiter.waitMs('a');
    });
    assert.deepEqual(waits, [0, 0, 100, 200, 400, 800, 1000, 1000]);
    nowMs = 999;
    assert.equal(limiter.waitMs('a'), 1);
    nowMs = 10_001;
    limiter.failed('a');
    assert.equal(limiter.waitMs('a'), 0);
    for (let i = 0; i < 2000; i += 1) limiter.failed('a');
    assert.equal(limiter.waitMs('a'), 1000);
    limiter.forget('a');
    assert.equal(limiter.waitMs('a'), 0);
  });

  it('remembers so many and no more', () => {
    const limiter = createLimiter({ ...options, free: 0, now: () => 0 });
    for (let i = 0; i < 1000; i += 1) limiter.failed(`k${i}`);
    assert.equal(limiter.size, 3);
    assert.deepEqual([limiter.waitMs('k999'), limiter.waitMs('k0')], [100, 0]);
  });

  it('takes the addresses of one customer for one', () => {
    assert.equal(networkOf('192.0.2.7'), '192.0.2.7');
    assert.equal(networkOf('2001:db8:0:12::1'), '2001:db8:0:12');
    assert.equal(networkOf('2001:DB8::12:0:0:0:1'), '2001:db8:0:12');
    assert.equal(networkOf('::1'), '0:0:0:0');
    assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0');
    assert.equal(networkOf('1:2:3:4:5:6:7:8'), '1:2:3:4');
    assert.equal(networkOf(''), '');
  });
});
