import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { NotAllowed, OPEN_POLICY } from './policy.ts';
import { answers, closesMidAnswer, drops, startReceiver, staysSilent } from './receiver.fixture.ts';
import { signedHeaders } from './signature.ts';
import { postWebhook, type WebhookRequest } from './webhook.ts';

describe('a webhook', async () => {
  const receiver = await startReceiver();
  after(() => receiver.close());
  const post = (change: Partial<WebhookRequest> = {}) =>
    postWebhook({
      url: `${receiver.url}/hooks?x=1`,
      headers: {},
      signed: { 'webhook-id': 'd1' },
      body: '{"é":1}',
      timeoutMs: 30_000,
      policy: undefined,
      signal: new AbortController().signal,
      ...change,
    });

  test('is posted as JSON, and 2xx acknowledges it', async () => {
    receiver.behave(answers(202, {}, 'thanks'));
    const result = await post({
      headers: { 'X-Team': 'platform', 'Webhook-Id': 'forged', 'Content-Length': '3' },
    });
    assert.deepEqual(result, { status: 202, error: '', output: 'thanks', retryAfterMs: 0, gone: false });
    const { path, headers, body } = receiver.received.at(-1)!;
    assert.equal(path, '/hooks?x=1');
    assert.equal(body, '{"é":1}');
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['x-team'], 'platform');
    assert.equal(headers['webhook-id'], 'd1');
    assert.match(headers['user-agent']!, /^wiz\//);
  });

  test('is acknowledged by the status line, whatever becomes of the answer', async () => {
    receiver.behave(closesMidAnswer);
    const { status, error } = await post();
    assert.deepEqual([status, error], [200, '']);
  });

  test('is refused by any other status, and says what the receiver asks for', async () => {
    receiver.behave(answers(500, {}, 'oh no'), answers(429, { 'retry-after': '120' }), answers(410));
    assert.deepEqual(await post(), {
      status: 500,
      error: 'HTTP 500.',
      output: 'oh no',
      retryAfterMs: 0,
      gone: false,
    });
    assert.equal((await post()).retryAfterMs, 120_000);
    assert.equal((await post()).gone, true);
  });

  test('does not follow redirects', async () => {
    const before = receiver.received.length;
    receiver.behave(answers(302, { location: `${receiver.url}/other` }));
    assert.equal((await post()).error, 'HTTP 302: redirects are not followed.');
    assert.equal(receiver.received.length, before + 1);
  });

  test('tells of a connection that is refused, dropped, or silent', async () => {
    receiver.behave(drops);
    assert.match((await post()).error, /socket hang up/);
    receiver.behave(staysSilent);
    assert.equal((await post({ timeoutMs: 50 })).error, 'No answer within 50 ms.');
    const gone = await startReceiver();
    await gone.close();
    assert.match((await post({ url: gone.url })).error, /ECONNREFUSED/);
  });

  test('reads no more than 64 KiB of an answer', async () => {
    let written = 0;
    receiver.behave((response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) written += 65_536;
        written += 65_536;
      };
      response.on('drain', more);
      more();
    });
    const { status, output } = await post();
    assert.deepEqual([status, output.length], [200, 4000]);
    assert.ok(written < 50e6);
  });

  test('goes where the policy lets it', async () => {
    const before = receiver.received.length;
    const refused = (url: string, policy: object) =>
      assert.rejects(post({ url, policy: { ...OPEN_POLICY, ...policy } }), NotAllowed);
    const { port } = new URL(receiver.url);
    await refused(receiver.url, { privateAddresses: false });
    await refused(`http://localhost:${port}`, { privateAddresses: false });
    await refused(`http://[::ffff:127.0.0.1]:${port}`, { privateAddresses: false });
    await refused(`http://2130706433:${port}`, { privateAddresses: false });
    await refused(receiver.url, { hosts: ['example.org', '*.example.org'] });
    await refused('http://169.254.169.254/latest', {});
    await refused('file:///etc/passwd', {});
    assert.equal(receiver.received.length, before);
    receiver.behave(answers(204));
    const local = { ...OPEN_POLICY, hosts: ['localhost'], privateAddresses: false };
    assert.equal((await post({ url: `http://localhost:${port}`, policy: local })).status, 204);
  });
});

test('signatures are those of Standard Webhooks', () => {
  // The example of its specification.
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const [id, body] = ['msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}'];
  assert.deepEqual(signedHeaders(id, 1_614_265_330_999, body, secret), {
    'webhook-id': id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
  const plain = createHmac('sha256', 'abc').update(`${id}.1.${body}`).digest('base64');
  assert.equal(signedHeaders(id, 1000, body, 'abc')['webhook-signature'], `v1,${plain}`);
  assert.equal(signedHeaders(id, 1000, body, undefined)['webhook-signature'], undefined);
});
