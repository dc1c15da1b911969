import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OUTPUT_LIMIT_BYTES } from './output-limit.ts';
import { call, temporaryFolder } from './processors.fixture.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('writes, appends, reads and copies', async (t) => {
  const workdir = temporaryFolder(t);
  const file = (options: object) => call('file', options, { workdir });
  const path = join(workdir, 'new/folder/a.txt');
  const written = await file({ action: 'write', path: 'new/folder/a.txt', content: 'one\n' });
  assert.deepEqual(written.output, { path, size: 4, sha256: sha256('one\n') });
  const appended = await file({ action: 'append', path, content: 'two\n' });
  assert.deepEqual(appended.output, { path, size: 8, sha256: sha256('one\ntwo\n') });
  const read = await file({ action: 'read', path });
  assert.deepEqual(read.output, { path, size: 8, sha256: sha256('one\ntwo\n'), text: 'one\ntwo\n' });
  const copied = await file({ action: 'copy', from: 'new/folder/a.txt', path: 'b.txt' });
  assert.equal((copied.output as { size: number }).size, 8);
  assert.equal(readFileSync(join(workdir, 'b.txt'), 'utf8'), 'one\ntwo\n');
  assert.deepEqual(readdirSync(workdir).sort(), ['b.txt', 'new'], 'no temporary files');
});

test('carries JSON and bytes', async (t) => {
  const workdir = temporaryFolder(t);
  const roundTrip = async (encoding: string, content: unknown) => {
    await call('file', { action: 'write', path: 'x', encoding, content }, { workdir });
    const { output } = await call('file', { action: 'read', path: 'x', encoding }, { workdir });
    return (output as Record<string, unknown>)[encoding];
  };
  assert.deepEqual(await roundTrip('json', { a: [1, { b: null }] }), { a: [1, { b: null }] });
  assert.equal(await roundTrip('base64', 'AP+A'), 'AP+A');
  const asText = await call('file', { action: 'read', path: 'x' }, { workdir });
  assert.equal(asText.report.reason, 'bad-content');
  assert.match(asText.report.message, /not UTF-8 text/);
});

test('what is missing, too large or other than promised fails and changes nothing', async (t) => {
  const workdir = temporaryFolder(t);
  const reason = async (options: object) => (await call('file', options, { workdir })).report.reason;
  writeFileSync(join(workdir, 'big'), '');
  truncateSync(join(workdir, 'big'), OUTPUT_LIMIT_BYTES + 1);
  writeFileSync(join(workdir, 'kept'), 'kept');
  assert.equal(await reason({ action: 'read', path: 'gone' }), 'not-found');
  assert.equal(await reason({ action: 'read', path: 'big' }), 'output-too-large');
  assert.equal(await reason({ action: 'write', path: 'no/where', content: '', mkdir: false }), 'not-found');
  const wrong = { action: 'copy', from: 'big', path: 'kept', sha256: sha256('something else') };
  assert.equal(await reason(wrong), 'checksum-mismatch');
  assert.equal(readFileSync(join(workdir, 'kept'), 'utf8'), 'kept');
  assert.deepEqual(readdirSync(workdir).sort(), ['big', 'kept']);
});

async function server(t: TestContext, handler: Parameters<typeof createServer>[1]): Promise<string> {
  const http: Server = createServer(handler).listen(0, '127.0.0.1');
  t.after(() => {
    http.closeAllConnections();
    http.close();
  });
  await new Promise((resolve) => http.once('listening', resolve));
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

test('fetches, and keeps only what has the right checksum', async (t) => {
  const workdir = temporaryFolder(t);
  const url = await server(t, (request, response) => {
    if (request.url === '/gone') response.writeHead(404);
    response.end('payload');
  });
  const good = await call(
    'file',
    { action: 'fetch', url, path: 'a', sha256: sha256('payload').toUpperCase() },
    { workdir },
  );
  assert.equal((good.output as { size: number }).size, 7);
  const bad = await call('file', { action: 'fetch', url, path: 'b', sha256: sha256('other') }, { workdir });
  assert.equal(bad.report.reason, 'checksum-mismatch');
  assert.ok(!existsSync(join(workdir, 'b')));
  const gone = await call('file', { action: 'fetch', url: `${url}/gone`, path: 'c' }, { workdir });
  assert.equal(gone.report.reason, 'http-status');
});

test('a download that is cancelled leaves nothing behind', async (t) => {
  const workdir = temporaryFolder(t);
  let cancel = (_reason: string) => {};
  const url = await server(t, (_request, response) => {
    response.write('the beginning');
    setImmediate(() => cancel('cancelled'));
  });
  const { report } = await call(
    'file',
    { action: 'fetch', url, path: 'a' },
    {
      workdir,
      started: (it) => {
        cancel = it;
      },
    },
  );
  assert.equal(report.reason, 'cancelled');
  assert.deepEqual(readdirSync(workdir), []);
});

test('each action says which options it needs', async () => {
  const message = async (options: object) => {
    const { report } = await call('file', options);
    assert.equal(report.reason, 'bad-options');
    return report.message;
  };
  assert.match(await message({ action: 'write', path: 'x' }), /with\.content: is needed by action write/);
  assert.match(await message({ action: 'copy', path: 'x' }), /with\.from: is needed/);
  assert.match(await message({ action: 'fetch', path: 'x' }), /with\.url: is needed/);
  assert.match(await message({ action: 'read', path: 'x', content: '' }), /with\.content: is not an option/);
  assert.match(
    await message({ action: 'write', path: 'x', content: { a: 1 } }),
    /with\.content: must be a string/,
  );
  assert.match(await message({ action: 'move', path: 'x' }), /with\.action/);
  assert.match(await message({ action: 'read', path: 'x', sha256: 'abc' }), /64 hexadecimal digits/);
});
