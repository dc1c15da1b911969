import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLoopback } from '../../proto/loopback.ts';
import { checkExposure, exposureOf } from './exposure.ts';

const daemon = (host: string, change: object = {}) => ({
  listen: { host, port: 7433 },
  tls: undefined,
  behindProxy: false,
  auth: { anonymous: undefined },
  ...change,
});
const TLS = { tls: { certificate: 'c.pem', key: 'k.pem' } };
const ANONYMOUS = { auth: { anonymous: 'viewer' as const } };

describe('what a daemon shows to other machines', () => {
  it('is nothing on loopback', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'LOCALHOST']) {
      checkExposure(daemon(host, ANONYMOUS));
    }
    for (const host of [
      '',
      '0.0.0.0',
      '::',
      '10.0.0.1',
      '128.0.0.1',
      '::ffff:10.0.0.1',
      'localhost.example.com',
    ]) {
      assert.equal(isLoopback(host), false, host);
    }
  });

  it('is encrypted, unless a proxy does that', () => {
    assert.throws(
      () => checkExposure(daemon('0.0.0.0')),
      /^WizError: listen: 0\.0\.0\.0, port 7433, can be reached.*clear text.*tls\.certificate.*behindProxy: true/,
    );
    checkExposure(daemon('0.0.0.0', TLS));
    checkExposure(daemon('0.0.0.0', { behindProxy: true }));
  });

  it('asks who calls, unless a proxy does that', () => {
    const open = daemon('10.0.0.1', { ...TLS, ...ANONYMOUS });
    assert.throws(() => checkExposure(open), /^WizError: auth\.anonymous: .*no credential would be viewer/);
    assert.deepEqual(exposureOf(open)?.path, ['auth', 'anonymous']);
    checkExposure({ ...open, behindProxy: true });
  });
});
