import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { createdEvent, pipeline } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import type { Task } from '../graph/processor-node.ts';
import type { PipelineSpec } from '../spec/spec.ts';
import { drive } from './drive.fixture.ts';
import { MemoryFiles, MemoryStore } from './memory.fixture.ts';
import { createPreparer } from './preparer.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20261120) });

/** Everything that a processor of these pipelines can depend on, beside its needs. */
const FILES = ['in/a', 'in/b', 'in/c'];
const PARAMS = ['p', 'q'];
const VARIABLES = ['V', 'W'];

interface Sketch {
  /** Of earlier processors. */
  needs: number[];
  text: number;
  version: number;
  files: string[];
  params: string[];
  variables: string[];
  /** Its result is the same whatever it is given: a change ends here. */
  deaf: boolean;
  /** It leaves a file as well. */
  leaves: boolean;
}

interface World {
  sketches: Sketch[];
  files: Record<string, number>;
  params: Record<string, number>;
  variables: Record<string, number>;
}

type Change =
  | { kind: 'text' | 'version'; at: number }
  | { kind: 'file' | 'param' | 'variable'; name: string }
  | { kind: 'none' };

const some = (names: string[]) => fc.subarray(names);
const sketch = fc.record({
  needs: fc.uniqueArray(fc.nat(5), { maxLength: 3 }),
  text: fc.constant(0),
  version: fc.constant(0),
  files: some(FILES),
  params: some(PARAMS),
  variables: some(VARIABLES),
  deaf: fc.boolean(),
  leaves: fc.boolean(),
});
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constantFrom('text' as const, 'version' as const), at: fc.nat(5) }),
  fc.record({ kind: fc.constant('file' as const), name: fc.constantFrom(...FILES) }),
  fc.record({ kind: fc.constant('param' as const), name: fc.constantFrom(...PARAMS) }),
  fc.record({ kind: fc.constant('variable' as const), name: fc.constantFrom(...VARIABLES) }),
  fc.record({ kind: fc.constant('none' as const) }),
);

function specOf(world: World, folder: string): PipelineSpec {
  const processors = world.sketches.map(({ needs, text, version, files, params, variables }, at) => ({
    name: `p${at}`,
    needs: needs.filter((need) => need < at).map((need) => `p${need}`),
    action: {
      kind: 'script' as const,
      shell: 'sh' as const,
      text: `work ${at} ${text} ${params.map((name) => `$${name.toUpperCase()}`).join(' ')}`,
    },
    cache: { inputs: files, env: variables, version: String(version), key: '' },
  }));
  return pipeline(processors, { workdir: folder });
}

function apply(world: World, change: Change, value: number): void {
  if (change.kind === 'file') world.files[change.name] = value;
  else if (change.kind === 'param') world.params[change.name] = value;
  else if (change.kind === 'variable') world.variables[change.name] = value;
  else if (change.kind === 'text' || change.kind === 'version') {
    const sketch = world.sketches[change.at % world.sketches.length]!;
    sketch[change.kind] = value;
  }
}

const sha = (text: string) => createHash('sha256').update(text).digest('hex');

test('after a change exactly what uses it runs, and what is changed by that', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-property-'));
  mkdirSync(join(folder, 'in'));
  const history = fc.record({
    sketches: fc.array(sketch, { minLength: 1, maxLength: 6 }),
    changes: fc.array(change, { minLength: 1, maxLength: 5 }),
  });
  try {
    await fc.assert(
      fc.asyncProperty(history, ({ sketches, changes }) =>
        follow(structuredClone(sketches), changes, folder),
      ),
      { numRuns: 150 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

async function follow(sketches: Sketch[], changes: Change[], folder: string): Promise<void> {
  const store = new MemoryStore();
  const files = new MemoryFiles();
  const environment: NodeJS.ProcessEnv = {};
  const options = {
    files: files.asFileStore(),
    executorsAreLocal: () => true,
    note: (message: string) => assert.fail(message),
  };
  const preparer = createPreparer({ ...options, store, environment });
  const zero = (names: string[]) => Object.fromEntries(names.map((name) => [name, 0]));
  const world: World = {
    sketches,
    files: zero(FILES),
    params: zero(PARAMS),
    variables: zero(VARIABLES),
  };
  /** What has been done, by everything it depended on, and what came of it. */
  const done = new Map<string, string>();

  for (const [step, next] of [{ kind: 'none' } as const, ...changes].entries()) {
    apply(world, next, step);
    for (const name of FILES) writeFileSync(join(folder, name), `content ${world.files[name]}`);
    for (const name of VARIABLES) environment[name] = String(world.variables[name]);
    const created = createdEvent(specOf(world, folder), `run${step}`);
    Object.assign(created.event.value!, { paramsJson: JSON.stringify(world.params) });
    const run = newRunMachine(created, 'manager', 1);

    const results = new Map<string, string>();
    const expected: string[] = [];
    for (const [at, one] of world.sketches.entries()) {
      const needs = run.graph.getNodeAttributes(`p${at}`).spec.needs;
      const seen = JSON.stringify([
        at,
        one.text,
        one.version,
        one.files.map((name) => world.files[name]),
        one.params.map((name) => world.params[name]),
        one.variables.map((name) => world.variables[name]),
        needs.map((need) => results.get(need)),
      ]);
      if (!done.has(seen)) {
        expected.push(`p${at}`);
        done.set(seen, one.deaf ? `deaf ${at}` : sha(seen));
      }
      results.set(`p${at}`, done.get(seen)!);
    }

    const execute = async (task: Task): Promise<Partial<Report>> => {
      const at = Number(task.name.slice(1));
      const result = results.get(task.name)!;
      const stored = await files.putBytes(Buffer.from(result));
      const file = {
        $typeName: 'wiz.v1.File',
        name: 'out.txt',
        mediaType: '',
        folder: false,
        ...stored,
      } as const;
      return {
        output: {
          $typeName: 'wiz.v1.Data',
          value: { case: 'json', value: JSON.stringify(result) },
          mediaType: '',
          form: 0,
        },
        files: world.sketches[at]!.leaves ? [file] : [],
      };
    };
    const { executed } = await drive(run, preparer, execute, (entry) => store.keep(entry));
    assert.deepEqual(executed.sort(), expected.sort(), `step ${step}: ${JSON.stringify(next)}`);
    for (const [name, result] of results) {
      const { output } = run.graph.getNodeAttributes(name);
      assert.equal(output?.value.value, JSON.stringify(result), `the result of ${name}`);
    }
    preparer.forget(run.runId);
  }
}
