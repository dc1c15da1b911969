import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { WizError } from '../proto/error.ts';
import { temporaryFolder } from './file-store.conformance.ts';
import { openFileStore } from './open-file-store.ts';

test('an address that is wrong is told with what is wrong', async () => {
  const cases: [string, RegExp][] = [
    ['', /neither with folder: nor with s3:/],
    ['/some/folder', /neither with folder:/],
    ['folder:', /not absolute/],
    ['folder:relative/path', /not absolute/],
    ['folder:/a\0b', /NUL/],
    ['s3:', /no bucket|no URL/],
    ['s3://', /no bucket|no URL/],
    ['s3://b', /no bucket/],
    ['s3://user:secret@bucket', /credentials come from the environment/],
    ['s3://bucket:9000/x', /port/],
    ['s3://bucket?endpiont=http://x', /no option endpiont/],
    ['s3://bucket?endpoint=localhost:9000', /does not begin with http/],
    ['s3://bucket?pathStyle=yes', /pathStyle is true or false/],
    ['s3://bucket/x', /AWS_ACCESS_KEY_ID/],
  ];
  for (const [address, says] of cases) {
    await assert.rejects(openFileStore(address, { environment: {} }), (error) => {
      assert.ok(error instanceof WizError, `${address}: ${error}`);
      assert.match(error.message, says);
      return true;
    });
  }
});

test('a folder store is opened without what only S3 needs', async (t) => {
  const folder = await temporaryFolder(t);
  const loadedFor = (address: string): string[] => {
    const script = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
      const { openFileStore } = await import(${JSON.stringify(join(import.meta.dirname, 'open-file-store.ts'))});
      await openFileStore(${JSON.stringify(address)}, { environment: {} }).catch(() => undefined);
      console.log(JSON.stringify(loaded));`;
    const args = ['--input-type=module', '-e', script];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  };
  const heavy = (urls: string[]) => urls.filter((url) => url.includes('node_modules'));
  assert.deepEqual(heavy(loadedFor(`folder:${join(folder, 'store')}`)), []);
  assert.notDeepEqual(heavy(loadedFor('s3://bucket/x')), []);
});
