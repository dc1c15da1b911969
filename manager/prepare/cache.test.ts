import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { ReadyAction } from '../engine/preparation.ts';
import { createdEvent, type ProcessorSketch, pipeline } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import type { Task } from '../graph/processor-node.ts';
import type { CacheSpec, PipelineSpec, ProcessorSpec } from '../spec/spec.ts';
import { drive } from './drive.fixture.ts';
import { MemoryFiles, MemoryStore } from './memory.fixture.ts';
import { createPreparer } from './preparer.ts';

const CACHE: CacheSpec = { inputs: [], env: [], version: '', key: '' };

let folder: string;
let store: MemoryStore;
let files: MemoryFiles;
let environment: NodeJS.ProcessEnv;
let local: boolean;
let runs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wiz-cache-'));
  store = new MemoryStore();
  files = new MemoryFiles();
  environment = { PATH: '/usr/bin:/bin' };
  local = true;
  runs = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const script = (text: string): ProcessorSpec['action'] => ({ kind: 'script', text, shell: 'bash' });
const text = (value: string): Data => ({
  $typeName: 'wiz.v1.Data',
  value: { case: 'text', value },
  mediaType: '',
  form: 0,
});

interface Start {
  params?: Record<string, unknown>;
  context?: Record<string, string>;
  noCache?: boolean;
  execute?: (task: Task, action: ReadyAction) => Partial<Report>;
}

/** Runs the pipeline and tells what was executed, and why each was or was not. */
async function run(processors: ProcessorSketch[], start: Start = {}, rest: Partial<PipelineSpec> = {}) {
  const spec = pipeline(
    processors.map((sketch) => ({ cache: CACHE, ...sketch })),
    { workdir: folder, ...rest },
  );
  runs += 1;
  const created = createdEvent(spec, `run${runs}`);
  const { params = {}, context = {}, noCache = false } = start;
  Object.assign(created.event.value!, { paramsJson: JSON.stringify(params), context, noCache });
  const machine = newRunMachine(created, 'manager', 1);
  const preparer = createPreparer({
    store,
    files: files.asFileStore(),
    environment,
    executorsAreLocal: () => local,
    note: () => {},
  });
  const execute = start.execute ?? ((task) => ({ output: text(`made by ${task.name}`) }));
  const { executed } = await drive(machine, preparer, execute, (entry) => store.keep(entry));
  const tasks = machine.graph.mapNodes((_, node) => node.instances?.tasks ?? [node]).flat();
  const why = Object.fromEntries(tasks.map((task) => [task.name, task.cache?.reason ?? '']));
  return { executed, why, machine };
}

test('a second run of an unchanged pipeline executes nothing, and has the same results', async () => {
  const processors = [
    { name: 'list', action: script('ls') },
    { name: 'count', needs: ['list'], action: script('wc -l') },
  ];
  const first = await run(processors);
  assert.deepEqual(first.executed, ['list', 'count']);
  assert.deepEqual(first.why, { list: 'first run', count: 'first run' });
  const second = await run(processors);
  assert.deepEqual(second.executed, []);
  assert.deepEqual(second.why, { list: 'same as run run1', count: 'same as run run1' });
  const node = second.machine.graph.getNodeAttributes('count');
  assert.deepEqual(node.output, text('made by count'));
  assert.equal(node.reason, 'cached');
  assert.equal(node.cache!.runId, 'run1');
  assert.equal(node.cache!.attempt, 1);
});

test('what changed is named, and only what depends on it runs', async () => {
  const processors = (words: string): ProcessorSketch[] => [
    { name: 'list', action: script(words) },
    { name: 'other', action: script('true') },
    { name: 'count', needs: ['list'], action: script('wc -l') },
  ];
  const execute: Start['execute'] = (task) => ({ output: text(JSON.stringify(task.node.spec.action)) });
  await run(processors('ls'), { execute });
  const second = await run(processors('ls -a'), { execute });
  assert.deepEqual(second.executed, ['list', 'count']);
  assert.equal(second.why.list, 'changed: script');
  assert.equal(second.why.count, 'changed: output list');
  assert.equal(second.why.other, 'same as run run1');
});

test('what runs anew and gives the same spares what depends on it', async () => {
  const processors = (words: string): ProcessorSketch[] => [
    { name: 'list', action: script(words) },
    { name: 'count', needs: ['list'], action: script('wc -l') },
  ];
  await run(processors('ls'));
  const second = await run(processors('ls  # the same'));
  assert.deepEqual(second.executed, ['list']);
  assert.equal(second.why.count, 'same as run run1');
});

test('what changes back is found again', async () => {
  const processors = (words: string) => [{ name: 'list', action: script(words) }];
  await run(processors('one'));
  await run(processors('two'));
  const third = await run(processors('one'));
  assert.deepEqual(third.executed, []);
  assert.equal(third.why.list, 'same as run run1');
});

test('files on disk: the program, arguments that are files, and declared inputs', async () => {
  mkdirSync(join(folder, 'data'));
  const put = (name: string, content: string) => writeFileSync(join(folder, name), content);
  put('work.sh', '#!/bin/sh\n');
  chmodSync(join(folder, 'work.sh'), 0o755);
  put('options.json', '{}');
  put('data/a.csv', '1');
  const processors: ProcessorSketch[] = [
    {
      name: 'work',
      action: { kind: 'program', argv: ['./work.sh', 'options.json', 'no-file'] },
      cache: { ...CACHE, inputs: ['data/*.csv'] },
    },
  ];
  await run(processors);
  assert.deepEqual((await run(processors)).executed, []);

  put('data/a.csv', '2');
  assert.equal((await run(processors)).why.work, 'changed: file data/a.csv');
  put('data/b.csv', '1');
  assert.equal((await run(processors)).why.work, 'changed: file data/b.csv');
  put('options.json', '{ }');
  assert.equal((await run(processors)).why.work, 'changed: file options.json');
  put('work.sh', '#!/bin/sh\necho\n');
  assert.equal((await run(processors)).why.work, 'changed: program');
  rmSync(join(folder, 'data/b.csv'));
  assert.equal((await run(processors)).why.work, 'changed: file data/b.csv');
  rmSync(join(folder, 'data/a.csv'));
  assert.equal((await run(processors)).why.work, 'changed: file data/a.csv, files data/*.csv');
  put('other', 'is no input');
  assert.deepEqual((await run(processors)).executed, []);
});

test('params and context count where a script mentions them as a word', async () => {
  const processors: ProcessorSketch[] = [
    { name: 'uses', action: script('echo "$API_URL" $LANG2') },
    { name: 'not', action: script('echo $API_URLS XAPI_URL') },
    { name: 'all', action: script('jq . $WIZ_INPUT') },
  ];
  await run(processors, { params: { apiUrl: 'a' }, context: { LANG2: 'x' } });
  const changed = await run(processors, { params: { apiUrl: 'b' }, context: { LANG2: 'x' } });
  assert.deepEqual(changed.executed, ['uses', 'all']);
  assert.equal(changed.why.uses, 'changed: param apiUrl');
  const context = await run(processors, { params: { apiUrl: 'b' }, context: { LANG2: 'y' } });
  assert.deepEqual(context.executed, ['uses', 'all']);
  assert.equal(context.why.all, 'changed: context LANG2');
});

test('declared environment, version, data form, env, folder and options of a call', async () => {
  const work = (change: Partial<ProcessorSpec> = {}, cache: Partial<CacheSpec> = {}): ProcessorSketch[] => [
    {
      name: 'work',
      action: { kind: 'call', uses: 'http', with: { url: 'http://a', headers: { accept: 'x', from: 'y' } } },
      env: { LEVEL: '1' },
      cache: { ...CACHE, env: ['HOME', 'LEVEL'], ...cache },
      ...change,
    },
  ];
  const why = async (...changed: Parameters<typeof work>) => (await run(work(...changed))).why.work;
  assert.equal(await why(), 'first run');
  environment.HOME = '/home/other';
  assert.equal(await why(), 'changed: env HOME');
  assert.equal(await why({ env: { LEVEL: '2' } }), 'changed: env LEVEL');
  assert.equal(await why({}, { version: '2' }), 'changed: cache.version, env LEVEL');
  assert.equal(await why({ data: 'json' }, { version: '2' }), 'changed: data');
  assert.equal(await why({ workdir: '/' }), 'changed: cache.version, data, workdir');
  const url = {
    kind: 'call',
    uses: 'http',
    with: { url: 'http://b', headers: { accept: 'x', from: 'z' } },
  } as const;
  assert.equal(await why({ action: url, workdir: '/' }), 'changed: with.headers.from, with.url');
});

test('at most five changes are named', async () => {
  const call = (letter: string): ProcessorSketch[] => [
    {
      name: 'work',
      action: {
        kind: 'call',
        uses: 'noop',
        with: Object.fromEntries('abcdefg'.split('').map((key) => [key, letter])),
      },
    },
  ];
  await run(call('x'));
  const second = await run(call('y'));
  assert.equal(second.why.work, 'changed: with.a, with.b, with.c, with.d, with.e and 2 more');
});

test('files of needs count by content; files that are gone are made again', async () => {
  const processors: ProcessorSketch[] = [
    { name: 'make', action: script('make') },
    { name: 'use', needs: ['make'], action: script('use') },
  ];
  const { hash, size } = await files.putBytes(Buffer.from('content'));
  const execute: Start['execute'] = (task) =>
    task.name === 'make'
      ? { files: [{ $typeName: 'wiz.v1.File', name: 'a.txt', hash, size, mediaType: '', folder: false }] }
      : {};
  await run(processors, { execute });
  const second = await run(processors, { execute });
  assert.deepEqual(second.executed, []);
  assert.equal(second.machine.graph.getNodeAttributes('make').files?.[0]?.hash, hash);

  files.objects.delete(hash);
  const third = await run(processors, { execute });
  assert.deepEqual(third.executed, ['make']);
  assert.equal(third.why.make, 'its files are gone');
});

test('a run may take nothing from the cache, and what it makes is kept', async () => {
  const processors = [{ name: 'work', action: script('date') }];
  await run(processors);
  const second = await run(processors, { noCache: true });
  assert.deepEqual(second.executed, ['work']);
  assert.equal(second.machine.graph.getNodeAttributes('work').cache!.verdict, 'bypassed');
  assert.equal((await run(processors)).why.work, 'same as run run2');
});

test('nothing is cached where programs are not on this machine', async () => {
  const processors = [{ name: 'work', action: script('date') }];
  await run(processors);
  local = false;
  const second = await run(processors);
  assert.deepEqual(second.executed, ['work']);
  assert.equal(second.why.work, 'the executor may be on another machine');
  assert.equal(second.machine.graph.getNodeAttributes('work').cache!.key, '');
});

test('a store that cannot be asked costs the work, not the run', async () => {
  const processors = [{ name: 'work', action: script('date') }];
  await run(processors);
  store.failing = new Error('the disk is on fire');
  const second = await run(processors);
  assert.deepEqual(second.executed, ['work']);
  assert.equal(second.why.work, 'the cache could not be asked: the disk is on fire');
});

test('instances are cached one by one; one item more is one instance more', async () => {
  const processors = (items: string[]): ProcessorSketch[] => [
    { name: 'each', each: items, action: script('work') },
    { name: 'join', needs: ['each'], action: script('join') },
  ];
  const first = await run(processors(['a', 'b']));
  assert.deepEqual(first.executed, ['each[0]', 'each[1]', 'join']);
  assert.deepEqual((await run(processors(['a', 'b']))).executed, []);
  const third = await run(processors(['new', 'a', 'b']));
  assert.deepEqual(third.executed, ['each[0]', 'join']);
  assert.equal(third.why['each[1]'], 'same as run run1');
  assert.equal(third.why.join, 'changed: output each');
});

test('secrets count by name: their values never reach the key', async () => {
  const secrets = { TOKEN: { env: 'TOKEN' }, OTHER: { env: 'OTHER' } };
  const work = (names: string[]) => [{ name: 'work', action: script('curl'), secrets: names }];
  await run(work(['TOKEN']), {}, { secrets });
  assert.deepEqual((await run(work(['TOKEN']), {}, { secrets })).executed, []);
  assert.equal((await run(work(['OTHER']), {}, { secrets })).why.work, 'changed: secrets');
});

test('thousands of processors ask the store a few times, a chain of them too', async () => {
  const wide: ProcessorSketch[] = Array.from({ length: 2000 }, (_, n) => ({
    name: `p${n}`,
    action: script(`work ${n}`),
  }));
  await run(wide);
  store.asked = 0;
  assert.deepEqual((await run(wide)).executed, []);
  assert.ok(store.asked <= 2, `${store.asked} questions`);

  const chain: ProcessorSketch[] = wide.map((sketch, n) => ({
    ...sketch,
    name: `c${n}`,
    needs: n === 0 ? [] : [`c${n - 1}`],
  }));
  await run(chain);
  store.asked = 0;
  assert.deepEqual((await run(chain)).executed, []);
  assert.ok(store.asked <= 10, `${store.asked} questions`);
});
