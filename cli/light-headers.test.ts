import assert from 'node:assert/strict';
import { test } from 'node:test';

// Node's own, before it is replaced.
const NodeHeaders = globalThis.Headers;
const { LightHeaders } = await import('./light-headers.ts');

test('light headers do what those of Node do', () => {
  const seen = [NodeHeaders, LightHeaders].map((Kind) => {
    const headers = new Kind([
      ['X-B', ' 1 '],
      ['x-a', '2'],
      ['x-b', '3'],
      ['Set-Cookie', 'a'],
      ['set-cookie', 'b'],
    ]);
    headers.set('X-C', '4');
    headers.delete('x-A');
    const visited: unknown[] = [];
    headers.forEach((value: string, name: string) => {
      visited.push([name, value]);
    });
    const record = new Kind({ One: '1' });
    return {
      visited,
      all: [...headers],
      keys: [...headers.keys()],
      values: [...headers.values()],
      copy: [...new Kind(headers as never)],
      got: [headers.get('X-b'), headers.get('x-a'), headers.has('X-C'), headers.has('no'), record.get('one')],
      cookies: headers.getSetCookie(),
      empty: [...new Kind(undefined)],
    };
  });
  assert.deepEqual(seen[1], seen[0]);
});

test('the process uses them', () => {
  assert.equal(globalThis.Headers, LightHeaders);
});
