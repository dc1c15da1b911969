import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { PlanVerdict } from '../../proto/gen/wiz/v1/runs_pb.js';
import { createdEvent, type ProcessorSketch, pipeline } from '../engine/run.fixture.ts';
import { newRunMachine, type RunMachine } from '../engine/run.ts';
import type { Task } from '../graph/processor-node.ts';
import type { JsonValue, ProcessorSpec } from '../spec/spec.ts';
import { drive } from './drive.fixture.ts';
import { foresee } from './foresee.ts';
import { MemoryFiles, MemoryStore } from './memory.fixture.ts';
import { createPreparer } from './preparer.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20261120) });

const cache = { inputs: [], env: [], version: '', key: '' };
const script = (text: string): ProcessorSpec['action'] => ({ kind: 'script', text, shell: 'sh' });
const json = (value: JsonValue): Data => ({
  $typeName: 'wiz.v1.Data',
  value: { case: 'json', value: JSON.stringify(value) },
  mediaType: '',
  form: 0,
});

function place(give: (task: Task) => Partial<Report> = () => ({ output: json(1) })) {
  const store = new MemoryStore();
  const preparer = createPreparer({
    store,
    files: new MemoryFiles().asFileStore(),
    environment: {},
    executorsAreLocal: () => true,
    note: (message) => assert.fail(message),
  });
  let runs = 0;
  const fresh = (sketches: ProcessorSketch[], noCache = false): RunMachine => {
    runs += 1;
    const created = createdEvent(pipeline(sketches), `run${runs}`);
    Object.assign(created.event.value!, { noCache });
    return newRunMachine(created, 'manager', 1);
  };
  return {
    async run(sketches: ProcessorSketch[]) {
      const machine = fresh(sketches);
      const { executed } = await drive(machine, preparer, give, (entry) => store.keep(entry));
      return { executed, machine };
    },
    async plan(sketches: ProcessorSketch[], noCache = false) {
      const foreseen = await foresee(fresh(sketches, noCache), preparer);
      return Object.fromEntries(
        [...foreseen].map(([name, { verdict, reason }]) => [
          name,
          `${PlanVerdict[verdict]} ${reason}`.trim(),
        ]),
      );
    },
    foreseen: (sketches: ProcessorSketch[]) => foresee(fresh(sketches), preparer),
  };
}

test('what would run, what is cached, and what depends on what runs', async () => {
  const sketches = (words: string): ProcessorSketch[] => [
    { name: 'list', cache, action: script(words) },
    { name: 'parse', cache, needs: ['list'], action: script('parse') },
    { name: 'send', needs: ['parse'], action: script('send') },
    { name: 'other', cache, action: script('other') },
  ];
  const { run, plan } = place();
  assert.deepEqual(await plan(sketches('ls')), {
    list: 'RUN first run',
    parse: 'OPEN runs unless list gives the same again',
    send: 'RUN',
    other: 'RUN first run',
  });
  await run(sketches('ls'));
  assert.deepEqual(await plan(sketches('ls')), {
    list: 'CACHED same as run run2',
    parse: 'CACHED same as run run2',
    send: 'RUN',
    other: 'CACHED same as run run2',
  });
  assert.deepEqual(await plan(sketches('ls -a')), {
    list: 'RUN changed: script',
    parse: 'OPEN runs unless list gives the same again',
    send: 'RUN',
    other: 'CACHED same as run run2',
  });
  assert.deepEqual(await plan(sketches('ls'), true), {
    list: 'RUN this run takes nothing from the cache',
    parse: 'RUN this run takes nothing from the cache',
    send: 'RUN',
    other: 'RUN this run takes nothing from the cache',
  });
});

test('conditions: those that are known are decided', async () => {
  const { run, plan } = place((task) => ({ output: json(task.name === 'cached') }));
  const sketches: ProcessorSketch[] = [
    { name: 'cached', cache, action: script('cached') },
    { name: 'runs', action: script('runs') },
    { name: 'no', needs: ['cached'], when: '${{ !outputs.cached }}' },
    { name: 'afterNo', needs: ['no'] },
    { name: 'known', needs: ['cached', 'runs'], when: '${{ !outputs.cached }}' },
    { name: 'unknown', needs: ['runs'], when: '${{ outputs.runs }}' },
    { name: 'afterUnknown', needs: ['unknown'] },
    { name: 'afterAll', needs: ['unknown', 'no'], rule: 'all-done' },
  ];
  await run(sketches);
  assert.deepEqual(await plan(sketches), {
    cached: 'CACHED same as run run1',
    runs: 'RUN',
    no: 'SKIPPED when ${{ !outputs.cached }} is false',
    afterNo: 'SKIPPED no was skipped',
    known: 'SKIPPED when ${{ !outputs.cached }} is false',
    unknown: 'OPEN when ${{ outputs.runs }} depends on runs',
    afterUnknown: 'OPEN depends on whether unknown is skipped',
    afterAll: 'RUN',
  });
});

test('instances: a known list tells how many are cached', async () => {
  const { run, foreseen } = place();
  const sketches = (items: number[]): ProcessorSketch[] => [
    { name: 'list', action: script('list') },
    { name: 'work', cache, each: items, action: script('work') },
    { name: 'later', needs: ['list'], each: '${{ outputs.list }}', action: script('later') },
  ];
  await run(sketches([1, 2]));
  const { verdict, instances, cachedInstances, reason } = (await foreseen(sketches([1, 2, 3]))).get('work')!;
  assert.deepEqual([verdict, instances, cachedInstances], [PlanVerdict.RUN, 3, 2]);
  assert.equal(reason, 'first run (1 of 3 instances)');
  assert.equal((await foreseen(sketches([2, 1]))).get('work')!.verdict, PlanVerdict.CACHED);
  assert.equal((await foreseen(sketches([]))).get('work')!.reason, 'its list is empty');
  assert.equal((await foreseen(sketches([]))).get('later')!.reason, 'its list depends on list');
});

test('what is foreseen is what then happens', async () => {
  const processor = fc.record({
    needs: fc.uniqueArray(fc.nat(6), { maxLength: 2 }),
    words: fc.nat(1),
    cached: fc.boolean(),
    deaf: fc.boolean(),
    when: fc.constantFrom(null, 'true', 'false', 'need'),
    each: fc.boolean(),
    rule: fc.constantFrom<ProcessorSpec['rule']>('all-succeeded', 'any-succeeded', 'none-failed', 'all-done'),
  });
  const sketchesOf = (list: (typeof processor extends fc.Arbitrary<infer T> ? T : never)[]) =>
    list.map(({ needs, words, cached, when, each, rule }, at): ProcessorSketch => {
      const names = needs.filter((need) => need < at).map((need) => `p${need}`);
      const [first] = names;
      const condition = first === undefined ? 'true' : `\${{ outputs.${first} != 3 }}`;
      return {
        name: `p${at}`,
        needs: names,
        rule,
        when: when === 'need' ? condition : when,
        each: each ? [1, 2] : null,
        cache: cached ? cache : null,
        action: script(`work ${at} ${words}`),
      };
    });
  const processors = fc.array(processor, { minLength: 1, maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(processors, processors, async (before, now) => {
      const give = ({ node }: Task) => {
        const at = node.order;
        const { action, needs } = node.spec;
        return {
          output: now[at]?.deaf ? json(3) : json([action.kind === 'script' ? action.text : '', needs]),
        };
      };
      const { run, foreseen } = place(give);
      await run(sketchesOf(before));
      const plan = await foreseen(sketchesOf(now));
      const { executed, machine } = await run(sketchesOf(now));
      const ran = new Set(executed.map((name) => name.replace(/\[.*/, '')));
      for (const [name, { verdict, reason, instances, cachedInstances }] of plan) {
        const node = machine.graph.getNodeAttributes(name);
        const happened = `${name} was foreseen as ${PlanVerdict[verdict]} (${reason})`;
        if (verdict === PlanVerdict.RUN) assert.ok(ran.has(name), happened);
        if (verdict === PlanVerdict.CACHED) assert.equal(node.reason, 'cached', happened);
        if (verdict === PlanVerdict.SKIPPED) assert.equal(node.reason, 'skipped', happened);
        if (verdict !== PlanVerdict.OPEN && verdict !== PlanVerdict.RUN) assert.ok(!ran.has(name), happened);
        if (instances > 0)
          assert.equal(
            executed.filter((one) => one.startsWith(`${name}[`)).length,
            instances - cachedInstances,
            happened,
          );
      }
    }),
    { numRuns: 200 },
  );
});
