import type { FileStore } from '../../files/file-store.ts';
import type { Conclusion, Prepared, ReadyAction, Unready } from '../engine/preparation.ts';
import type { RunMachine } from '../engine/run.ts';
import type { Evaluator, Scope } from '../expressions/expressions.ts';
import type { ProcessorNode, Task } from '../graph/processor-node.ts';
import { runClock } from '../spec/run-macros.ts';
import type { NewRecords, Store } from '../store/store.ts';
import { ownTimeZone } from '../time-zone.ts';
import { createCache } from './cache.ts';
import { conclude } from './conclude.ts';
import { type Definition, definitionOf, evaluates } from './definition.ts';
import { createFileHashes, type Look } from './file-hashes.ts';
import { createResults } from './joined.ts';
import { type Late, onceKnown } from './late.ts';
import { type ItemList, itemList, phrase } from './list.ts';
import { createScopes } from './scope.ts';
import { Unfit, unready } from './unfit.ts';
import { createValues } from './values.ts';
import { createWorker, needsOf, type Work } from './work.ts';

/**
 * Finds out what has to be known before a task starts, see engine/preparation.ts: whether it is to run at all, its list,
 * the values of its expressions, and whether an earlier result holds. What is in memory is answered at once; the
 * evaluator, values that are files, and the cache are waited for.
 */
export interface Preparer {
  /** One answer for each task, in order; promises never reject. */
  prepare(run: RunMachine, tasks: readonly Task[]): Late<Prepared>[];
  /** What a run that succeeded leaves in the output stores; never rejects. `rows` are for the commit of the event. */
  conclude(run: RunMachine): Promise<Conclusion & { rows?: NewRecords[] }>;
  /** The run has left this manager: what was read for it is let go. */
  forget(runId: string): void;
}

export interface PreparerOptions {
  store: Pick<Store, 'findCacheEntries' | 'latestCacheEntries' | 'getFileStamps' | 'putFileStamps'>;
  files: FileStore;
  /** What programs inherit: PATH, and the variables that `cache.env` names. */
  environment: NodeJS.ProcessEnv;
  /** Programs and their files are on this machine, so that they can be a part of the key. */
  executorsAreLocal(): boolean;
  /** For whoever looks for the cause of something. */
  note(message: string): void;
}

let loaded: Evaluator | undefined;

function loadEvaluator(): Late<Evaluator> {
  if (loaded !== undefined) return loaded;
  return import('../expressions/evaluate.ts').then((evaluator) => {
    loaded = evaluator;
    return evaluator;
  });
}

/** The instances of a processor, from its list. */
interface Expansion {
  list: ItemList;
  work(index: number): Work;
}

export function createPreparer(options: PreparerOptions): Preparer {
  const { store, files, note } = options;
  const values = createValues(files);
  const results = createResults(files, values);
  const scopes = createScopes(results, runFacts);
  const hashes = createFileHashes(store, note);
  const cache = createCache(options);
  const expansions = new WeakMap<(index: number) => ReadyAction | Unready, Expansion>();

  function prepareTask(run: RunMachine, task: Task, look: Look): Late<Prepared> {
    try {
      const evaluator = evaluates(task.node.spec) ? loadEvaluator() : undefined;
      const prepared = onceKnown(evaluator, (known) =>
        task.index < 0
          ? prepareProcessor(run, task.node, known, look)
          : prepareInstance(run, task, known, look),
      );
      return prepared instanceof Promise ? prepared.catch(unready) : prepared;
    } catch (error) {
      return unready(error);
    }
  }

  function prepareProcessor(
    run: RunMachine,
    node: ProcessorNode,
    evaluator: Evaluator | undefined,
    look: Look,
  ): Late<Prepared> {
    const { spec } = node;
    const definition = definitionOf(spec, evaluator);
    const fansOut = spec.each !== null || spec.matrix !== null;
    if (!fansOut && spec.when === null) return prepareWork(run, node, definition, evaluator, look);
    return onceKnown(scopes.of(run, node, definition.start), (scope) => {
      if (spec.when !== null && !isWanted(spec.when, evaluator, scope))
        return { kind: 'skip', message: `when ${spec.when} is false` };
      if (!fansOut) return prepareWork(run, node, definition, evaluator, look);
      return onceKnown(expand(run, node, definition, evaluator, scope), prepareExpansion);
    });
  }

  function prepareWork(
    run: RunMachine,
    node: ProcessorNode,
    definition: Definition,
    evaluator: Evaluator | undefined,
    look: Look,
  ): Late<Prepared> {
    return onceKnown(needsOf(run, node, results, NONE), (needs) =>
      onceKnown(scopes.of(run, node, definition.work), (scope) =>
        decide(run, node, createWorker({ run, node, definition, evaluator, scope, needs })(undefined), look),
      ),
    );
  }

  function expand(
    run: RunMachine,
    node: ProcessorNode,
    definition: Definition,
    evaluator: Evaluator | undefined,
    scope: Scope,
  ): Late<Expansion> {
    const list = itemList(node.spec, evaluator, scope);
    const shares = new Set([...definition.list.outputs, ...definition.list.files]);
    return onceKnown(needsOf(run, node, results, shares), (needs) =>
      onceKnown(scopes.of(run, node, definition.work), (workScope) => {
        const worker = createWorker({ run, node, definition, evaluator, scope: workScope, needs });
        return { list, work: (index) => worker({ value: list.item(index), index }) };
      }),
    );
  }

  function prepareExpansion(expansion: Expansion): Prepared {
    const actionOf = (index: number): ReadyAction | Unready => {
      try {
        return expansion.work(index).ready;
      } catch (error) {
        return unready(error);
      }
    };
    expansions.set(actionOf, expansion);
    return { kind: 'expand', count: expansion.list.count, actionOf };
  }

  function prepareInstance(
    run: RunMachine,
    task: Task,
    evaluator: Evaluator | undefined,
    look: Look,
  ): Late<Prepared> {
    const { actionOf } = task.node.instances ?? {};
    const known = actionOf && expansions.get(actionOf);
    if (known !== undefined) return decide(run, task, known.work(task.index), look);
    const definition = definitionOf(task.node.spec, evaluator);
    return onceKnown(scopes.of(run, task.node, definition.start), (scope) =>
      onceKnown(expand(run, task.node, definition, evaluator, scope), ({ list, work }) => {
        if (task.index < list.count) return decide(run, task, work(task.index), look);
        throw new Unfit('bad-list', `its list has ${list.count} items now, and it was made for a longer one`);
      }),
    );
  }

  function decide(run: RunMachine, task: Task, work: Work, look: Look): Late<Prepared> {
    if (task.node.spec.cache !== null) return cache.decide(run, task, work, look);
    return { kind: 'start', action: work.ready, cache: undefined };
  }

  return {
    prepare(run, tasks) {
      const look = hashes.look();
      return tasks.map((task) => prepareTask(run, task, look));
    },
    async conclude(run) {
      try {
        return await conclude(run, { loadEvaluator, scopes, files });
      } catch (error) {
        return unready(error);
      }
    },
    forget(runId) {
      values.forget(runId);
      cache.forget(runId);
    },
  };
}

const NONE: ReadonlySet<string> = new Set();

/** Throws Unfit bad-expression when `when` is neither true nor false. */
function isWanted(when: string, evaluator: Evaluator | undefined, scope: Scope): boolean {
  const value = evaluator === undefined ? when : evaluator.evaluateText(when, scope);
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new Unfit('bad-expression', `when must be true or false, and ${when} is ${phrase(value)}`);
}

function runFacts(run: RunMachine): Scope['run'] {
  const timeZone = run.spec.timeZone ?? ownTimeZone();
  return {
    id: run.runId,
    pipeline: run.pipeline,
    ...runClock(run.trigger?.scheduledUnixMs ?? run.createdMs, timeZone),
  };
}
