import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog, jsonLine, type LogFields, type LogLevel, plainLine, withoutSecrets } from './log.ts';

function recorded(least: LogLevel) {
  const lines: [LogLevel, string, LogFields][] = [];
  return { lines, log: createLog(least, (...line) => lines.push(line)) };
}

test('levels below the least are not written; fields of a log are on each of its lines', () => {
  const { lines, log } = recorded('info');
  const about = log.with({ manager: 'm', run: undefined });
  about.debug('quiet');
  about.warn('loud', { run: 'r', attempt: 2 });
  log.error('plain');
  assert.deepEqual(lines, [
    ['warn', 'loud', { manager: 'm', run: 'r', attempt: 2 }],
    ['error', 'plain', {}],
  ]);
});

test('an error is its message, and those of its causes', () => {
  const { lines, log } = recorded('debug');
  const cause = new Error('ECONNREFUSED');
  log.info('failed', {
    error: new Error('the store is away', { cause: new Error('no connection', { cause }) }),
  });
  log.info('failed', { error: 'a text' });
  assert.deepEqual(
    lines.map(([, , { error }]) => error),
    ['the store is away: no connection: ECONNREFUSED', 'a text'],
  );
});

test('passwords and credentials are hidden, in messages, fields and errors', () => {
  for (const [text, clean] of [
    ['postgres://wiz:pa55:w@db:5432/wiz failed', 'postgres://wiz:[hidden]@db:5432/wiz failed'],
    ['GET http://u:p@h/a and s3+x://k:v@b', 'GET http://u:[hidden]@h/a and s3+x://k:[hidden]@b'],
    ['authorization: Bearer eyJhbGciOi.J9-_x', 'authorization: Bearer [hidden]'],
    ['Basic d2l6OnNlY3JldA==', 'Basic [hidden]'],
    ['basic authentication of a bearer', 'basic authentication of a bearer'],
    ['http://host:80/path@x', 'http://host:80/path@x'],
  ] as const) {
    assert.equal(withoutSecrets(text), clean);
  }
  const { lines, log } = recorded('info');
  const secret = 'postgres://u:hunter2@h/d';
  log
    .with({ store: secret, Authorization: 'hunter2' })
    .info(secret, { error: new Error(secret), token: 'hunter2' });
  assert.ok(!JSON.stringify(lines).includes('hunter2'), JSON.stringify(lines));
});

test('one line each: JSON, and for people', () => {
  const time = new Date('2026-03-01T12:30:05.123Z');
  const line = jsonLine('warn', 'two\nlines', { run: 'r', attempt: 1 }, time);
  assert.equal(
    line,
    '{"time":"2026-03-01T12:30:05.123Z","level":"warn","run":"r","attempt":1,"msg":"two\\nlines"}\n',
  );
  assert.equal(
    plainLine('info', 'joined', { executor: 'e', note: 'a b', slots: 4 }, time),
    '12:30:05.123 info  joined  executor=e  note="a b"  slots=4\n',
  );
});
