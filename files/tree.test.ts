import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { hashesIn, problem, temporaryFolder } from './file-store.conformance.ts';
import type { FileStore } from './file-store.ts';
import { hashOf } from './hash.ts';
import { openFileStore } from './open-file-store.ts';
import {
  entryInTree,
  listTree,
  placeFolder,
  putFolder,
  readTree,
  type TreeEntryAt,
  treeChildren,
} from './tree.ts';
import { encodeTree, MAX_DEPTH, type TreeEntry } from './tree-object.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

/** A folder as a value. Links are told apart from files by their arrow. */
type Shape = { [name: string]: Shape | string };
const LINK = '→ ';
const RUN = '#!';

async function openStore(t: TestContext) {
  const folder = await temporaryFolder(t);
  return { folder, store: await openFileStore(`folder:${join(folder, 'store')}`, { environment: {} }) };
}

/** Makes it with its entries in the order of `names`. */
async function make(path: string, shape: Shape, names = (one: Shape) => Object.keys(one)): Promise<void> {
  await mkdir(path);
  for (const name of names(shape)) {
    const value = shape[name]!;
    const place = join(path, name);
    if (typeof value !== 'string') await make(place, value, names);
    else if (value.startsWith(LINK)) await symlink(value.slice(LINK.length), place);
    else await writeFile(place, value, { mode: value.startsWith(RUN) ? 0o755 : 0o644 });
  }
}

async function shapeOf(path: string): Promise<Shape> {
  const shape: Shape = {};
  for (const name of await readdir(path)) {
    const place = join(path, name);
    const stats = await lstat(place);
    if (stats.isDirectory()) shape[name] = await shapeOf(place);
    else if (stats.isSymbolicLink()) shape[name] = LINK + (await readlink(place));
    else {
      const content = await readFile(place, 'utf8');
      assert.equal((stats.mode & 0o100) !== 0, content.startsWith(RUN), 'an executable stays one');
      shape[name] = content;
    }
  }
  return shape;
}

async function entriesOf(store: FileStore, hash: string): Promise<TreeEntryAt[]> {
  const entries: TreeEntryAt[] = [];
  for await (const entry of listTree(store, hash)) entries.push(entry);
  return entries;
}

// Few names, so that shapes are alike; upper and lower case apart would not be on every machine.
const names = fc.constantFrom(
  'a',
  'b',
  'a.b',
  'a b',
  ' ',
  'line\nbreak',
  'é',
  '🎉',
  '\uffee',
  '-rf',
  'constructor',
);
const contents = fc.constantFrom('', 'x', 'y', `${RUN}x`, `${LINK}a`, `${LINK}nowhere/b`);
const shapes = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.dictionary(names, fc.oneof({ maxDepth: 3 }, contents, tie('shape')), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
})).shape;

test('a folder comes out as it went in, moved or not, with one hash whatever the order', async (t) => {
  const { store, folder } = await openStore(t);
  let n = 0;
  await fc.assert(
    fc.asyncProperty(shapes, fc.boolean(), async (shape, move) => {
      const [first, second, third] = ['1', '2', '3'].map((name) => join(folder, `${n}-${name}`)) as [
        string,
        string,
        string,
      ];
      n++;
      await make(first, shape);
      await make(second, shape, (one) => Object.keys(one).reverse());
      const stored = await putFolder(store, first, { move });
      assert.deepEqual(await putFolder(store, second, { move: false }), stored);
      await placeFolder(store, stored.hash, third);
      assert.deepEqual(await shapeOf(third), shape);
      assert.equal((await putFolder(store, third, { move: true })).hash, stored.hash);
      assert.deepEqual(
        (await readdir(folder)).sort(),
        ['store', ...(move ? [] : [`${n - 1}-1`]), `${n - 1}-2`].sort(),
      );
      for (const path of [first, second]) await rm(path, { recursive: true, force: true });

      const listed = await entriesOf(store, stored.hash);
      assert.equal(listed.length, stored.entries);
      assert.equal(
        listed.reduce(
          (sum, one) => sum + (one.kind === 'file' || one.kind === 'executable' ? one.size : 0),
          0,
        ),
        stored.size,
      );
    }),
    { numRuns: 40 },
  );
});

test('different folders have different hashes', async (t) => {
  const { store, folder } = await openStore(t);
  const seen = new Map<string, string>();
  const canonical = (shape: Shape | string): string =>
    typeof shape === 'string'
      ? JSON.stringify(shape)
      : `{${Object.keys(shape)
          .sort()
          .map((name) => `${JSON.stringify(name)}:${canonical(shape[name]!)}`)}}`;
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const path = join(folder, 'made');
      await make(path, shape);
      const { hash } = await putFolder(store, path, { move: true });
      assert.equal(seen.get(hash) ?? canonical(shape), canonical(shape));
      seen.set(hash, canonical(shape));
    }),
    { numRuns: 60 },
  );
  assert.equal(new Set(seen.values()).size, seen.size);
});

test('one change anywhere changes the hash of the folder', async (t) => {
  const { store, folder } = await openStore(t);
  const hashes = new Set<string>();
  const base = { 'a.txt': 'x', sub: { deep: { file: 'y' }, empty: {} }, link: `${LINK}a.txt` };
  const variants: Shape[] = [
    base,
    { ...base, 'a.txt': 'X' },
    { ...base, 'a.txt': `${RUN}x` },
    { ...base, link: `${LINK}sub` },
    { ...base, link: 'a.txt' },
    { ...base, sub: { deep: { file: 'y' } } },
    { ...base, sub: { deep: { file: 'z' }, empty: {} } },
    { ...base, sub: { deep: { file2: 'y' }, empty: {} } },
    { ...base, sub: { deep: { file: 'y' }, empty: '' } },
    { ...base, more: '' },
    {},
  ];
  for (const shape of variants) {
    await make(join(folder, 'made'), shape);
    hashes.add((await putFolder(store, join(folder, 'made'), { move: true })).hash);
  }
  assert.equal(hashes.size, variants.length);
});

test('is listed, looked into by path, and names the objects it needs', async (t) => {
  const { store, folder } = await openStore(t);
  const shape = {
    'b.txt': 'bb',
    a: { c: { d: 'd' }, up: `${LINK}../b.txt` },
    empty: {},
    twin: 'bb',
    run: `${RUN}x`,
    short: `${LINK}a/c`,
    loop: `${LINK}loop`,
    gone: `${LINK}nothing`,
  };
  await make(join(folder, 'made'), shape);
  const { hash, size, entries } = await putFolder(store, join(folder, 'made'), { move: false });
  assert.deepEqual({ size, entries }, { size: 2 + 2 + 1 + 3, entries: 11 });
  const listed = await entriesOf(store, hash);
  assert.deepEqual(
    listed.map(({ path }) => path),
    ['a', 'a/c', 'a/c/d', 'a/up', 'b.txt', 'empty', 'gone', 'loop', 'run', 'short', 'twin'],
  );
  assert.deepEqual(
    listed.filter(({ kind }) => kind === 'executable' || kind === 'link').map(({ path }) => path),
    ['a/up', 'gone', 'loop', 'run', 'short'],
  );
  const children = await treeChildren(store, hash);
  assert.deepEqual(
    children
      .filter(({ folder }) => !folder)
      .map((one) => one.size)
      .sort(),
    [2, 3],
  );
  assert.equal(children.filter((one) => one.folder).length, 2);

  const at = async (path: string) => {
    const entry = await entryInTree(store, hash, path);
    if (!entry) return undefined;
    return entry.kind === 'folder' ? 'folder' : Buffer.from(await store.readBytes(entry.hash)).toString();
  };
  const found: Record<string, string | undefined> = {
    'b.txt': 'bb',
    'a/c/d': 'd',
    './a//c/d': 'd',
    'a/up': 'bb',
    'short/d': 'd',
    short: 'folder',
    '': 'folder',
    'a/c/': 'folder',
    'b.txt/x': undefined,
    loop: undefined,
    gone: undefined,
    A: undefined,
  };
  for (const [path, expected] of Object.entries(found)) assert.equal(await at(path), expected, path);
  for (const path of ['../x', 'a/../../x', '/b.txt', 'a\0b'])
    await assert.rejects(at(path), problem('unsafe'));
});

test('a folder with something unsafe in it is refused, and so is a path that is no folder', async (t) => {
  const { store, folder } = await openStore(t);
  const outward = ['/etc/passwd', '..', '../..', '../made/a', 'a/../../x', 'sub/../a'];
  for (const target of outward) {
    await make(join(folder, 'made'), { a: '', link: LINK + target });
    await assert.rejects(putFolder(store, join(folder, 'made'), { move: false }), problem('unsafe'), target);
    await rm(join(folder, 'made'), { recursive: true });
  }
  await make(join(folder, 'made'), { sub: { deeper: {}, root: `${LINK}..` } });
  await putFolder(store, join(folder, 'made'), { move: false });
  execFileSync('mkfifo', [join(folder, 'made/sub/deeper/pipe')]);
  await assert.rejects(putFolder(store, join(folder, 'made'), { move: true }), problem('unsafe'));
  await rm(join(folder, 'made/sub/deeper/pipe'));
  await writeFile(Buffer.concat([Buffer.from(join(folder, 'made/')), Buffer.from([0xff, 0xfe])]), '');
  await assert.rejects(putFolder(store, join(folder, 'made'), { move: true }), problem('unsafe'));
  await writeFile(join(folder, 'file'), '');
  await symlink('made', join(folder, 'alias'));
  await assert.rejects(putFolder(store, join(folder, 'file'), { move: true }), problem('unsafe'));
  await assert.rejects(putFolder(store, join(folder, 'alias'), { move: true }), problem('unsafe'));
  await assert.rejects(putFolder(store, join(folder, 'none'), { move: true }), problem('absent'));
  await assert.rejects(putFolder(store, join(folder, 'a\0b'), { move: true }), problem('unsafe'));
});

test('folders in folders without end are refused', async (t) => {
  const { store, folder } = await openStore(t);
  const deep = (depth: number) => join(folder, 'made', ...new Array(depth).fill('d'));
  await mkdir(deep(MAX_DEPTH), { recursive: true });
  const { hash } = await putFolder(store, join(folder, 'made'), { move: false });
  assert.equal((await entriesOf(store, hash)).length, MAX_DEPTH);
  await mkdir(deep(MAX_DEPTH + 1));
  await assert.rejects(putFolder(store, join(folder, 'made'), { move: false }), problem('unsafe'));
});

test('placing replaces a folder, a file, and what others place there at once; nothing half is left', async (t) => {
  const { store, folder } = await openStore(t);
  await make(join(folder, 'made'), { a: 'a', sub: { b: 'b' } });
  const { hash } = await putFolder(store, join(folder, 'made'), { move: true });
  const path = join(folder, 'placed');
  await make(path, { old: { file: 'old' } });
  await placeFolder(store, hash, path);
  assert.deepEqual(await shapeOf(path), { a: 'a', sub: { b: 'b' } });
  await rm(path, { recursive: true });
  await writeFile(path, 'a file');
  await Promise.all(Array.from({ length: 5 }, () => placeFolder(store, hash, path)));
  assert.deepEqual(await shapeOf(path), { a: 'a', sub: { b: 'b' } });
  assert.deepEqual((await readdir(folder)).sort(), ['placed', 'store']);
  // An object is missing in the middle of it.
  const children = await treeChildren(store, hash);
  await rm(store.pathOf(children.find((child) => child.folder)!.hash)!, { force: true });
  await assert.rejects(placeFolder(store, hash, join(folder, 'half')), problem('absent'));
  assert.deepEqual((await readdir(folder)).sort(), ['placed', 'store']);
});

test('what a tree object says of others is checked before it is believed', async (t) => {
  const { store, folder } = await openStore(t);
  const put = async (entries: TreeEntry[]) => (await store.putBytes(encodeTree(entries))).hash;
  const empty = await put([]);
  const { hash: blob } = await store.putBytes(Buffer.from('blob'));
  const lies: { tree: string; problem: 'mismatch' | 'unsafe' }[] = [
    // Fewer entries than there are, and other sizes: so a small folder named a billion times is told as what it is.
    {
      tree: await put([{ kind: 'folder', name: 'x', hash: empty, size: 0, entries: 5 }]),
      problem: 'mismatch',
    },
    {
      tree: await put([{ kind: 'folder', name: 'x', hash: empty, size: 5, entries: 0 }]),
      problem: 'mismatch',
    },
    { tree: await put([{ kind: 'folder', name: 'x', hash: blob, size: 4, entries: 0 }]), problem: 'unsafe' },
    // Inside where it was made, and outside here.
    { tree: await put([{ kind: 'link', name: 'x', target: '../../etc/passwd' }]), problem: 'unsafe' },
    { tree: blob, problem: 'unsafe' },
  ];
  for (const { tree, problem: expected } of lies) {
    await assert.rejects(placeFolder(store, tree, join(folder, 'placed')), problem(expected));
    await assert.rejects(entriesOf(store, tree), problem(expected));
    assert.deepEqual(await readdir(folder), ['store']);
  }
  assert.equal(hashOf(encodeTree([])), empty);
  assert.deepEqual(await readTree(store, empty), []);
  await assert.rejects(entryInTree(store, lies[3]!.tree, 'x'), problem('unsafe'));
  assert.equal((await hashesIn(store)).length, 6);
});
