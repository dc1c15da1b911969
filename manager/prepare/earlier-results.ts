import type { FileStore } from '../../files/file-store.ts';
import type { RunMachine } from '../engine/run.ts';
import { isFanOut, type Task } from '../graph/processor-node.ts';
import type { CacheEntry, Store } from '../store/store.ts';
import { batched } from './batched.ts';
import type { Late } from './late.ts';

/**
 * Results of earlier attempts. The newest one of each processor is read ahead, a block at a time: when nothing changed
 * these are the ones that hold, and a chain of them is gone through without waiting for the store at each step (in a
 * manager that would be a commit for each).
 */
export interface EarlierResults {
  /** The newest of a processor or instance. */
  latest(run: RunMachine, task: Task): Late<Earlier | undefined>;
  byKey(key: string): Promise<Earlier | undefined>;
  forget(runId: string): void;
}

export interface Earlier {
  entry: CacheEntry;
  /** Its files are in the store. */
  whole: boolean;
}

/** Results read ahead of the processor that is asked about, with up to 256 KiB of inline output each. */
const AHEAD = 500;
/** Milliseconds for which what was read ahead is believed. Garbage collection leaves alone for an hour what was asked
 *  for. */
const BELIEVED_MS = 10_000;

interface Block {
  readMs: number;
  results: Map<string, Earlier | undefined>;
}

export function createEarlierResults(
  store: Pick<Store, 'findCacheEntries' | 'latestCacheEntries'>,
  files: Pick<FileStore, 'has'>,
): EarlierResults {
  const blocks = new Map<string, Block>();
  const asking = new Map<string, (name: string) => Promise<Earlier | undefined>>();
  const byKey = batched(async (keys: string[]) => checked(await store.findCacheEntries(keys)));

  async function checked(entries: Map<string, CacheEntry>): Promise<Map<string, Earlier>> {
    const hashes = new Set([...entries.values()].flatMap(filesOf));
    const there = new Set<string>();
    await Promise.all(
      [...hashes].map(async (hash) => {
        if ((await files.has(hash)) !== undefined) there.add(hash);
      }),
    );
    return new Map(
      [...entries].map(([name, entry]) => [
        name,
        { entry, whole: filesOf(entry).every((hash) => there.has(hash)) },
      ]),
    );
  }

  function blockOf(runId: string): Block {
    let block = blocks.get(runId);
    if (block === undefined || Date.now() - block.readMs > BELIEVED_MS) {
      block = { readMs: Date.now(), results: new Map() };
      blocks.set(runId, block);
    }
    return block;
  }

  function askAhead(run: RunMachine) {
    return async (names: string[]) => {
      const ahead = following(run, names);
      const found = await checked(await store.latestCacheEntries(run.pipeline, [...names, ...ahead]));
      const { results } = blockOf(run.runId);
      for (const name of ahead) results.set(name, found.get(name));
      return found;
    };
  }

  return {
    latest(run, task) {
      const { results } = blockOf(run.runId);
      if (results.has(task.name)) {
        const earlier = results.get(task.name);
        results.delete(task.name);
        return earlier;
      }
      let ask = asking.get(run.runId);
      if (ask === undefined) {
        ask = batched(askAhead(run));
        asking.set(run.runId, ask);
      }
      return ask(task.name);
    },
    byKey,
    forget(runId) {
      blocks.delete(runId);
      asking.delete(runId);
    },
  };
}

function filesOf({ result }: CacheEntry): string[] {
  const hashes = result.files.map(({ hash }) => hash);
  if (result.output?.value.case === 'file') hashes.push(result.output.value.value.hash);
  return hashes;
}

/** Cached processors that come next in the order of the file. */
function following({ graph, spec }: RunMachine, asked: string[]): string[] {
  const names: string[] = [];
  const known = new Set(asked);
  const orders = asked
    .filter((name) => graph.hasNode(name))
    .map((name) => graph.getNodeAttributes(name).order);
  if (orders.length === 0) return names;
  for (let order = orders.reduce((a, b) => Math.min(a, b)); order < spec.processors.length; order += 1) {
    const processor = spec.processors[order]!;
    if (names.length >= AHEAD) break;
    if (processor.cache === null || isFanOut(processor) || known.has(processor.name)) continue;
    if (!graph.getNodeAttributes(processor.name).settled) names.push(processor.name);
  }
  return names;
}
