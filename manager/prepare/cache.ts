import type { FileStore } from '../../files/file-store.ts';
import type { CacheDecision, File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Prepared } from '../engine/preparation.ts';
import type { RunMachine } from '../engine/run.ts';
import type { Task } from '../graph/processor-node.ts';
import type { CacheEntry, Store } from '../store/store.ts';
import { createEarlierResults, type Earlier } from './earlier-results.ts';
import { type Look, UnsteadyFile } from './file-hashes.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import { type Late, onceKnown } from './late.ts';
import type { Work } from './work.ts';

export interface CacheGround {
  store: Pick<Store, 'findCacheEntries' | 'latestCacheEntries'>;
  files: Pick<FileStore, 'has'>;
  /** The executor's. */
  environment: NodeJS.ProcessEnv;
  executorsAreLocal(): boolean;
  note(message: string): void;
}

/** Changed parts that a reason names. */
const NAMED = 5;

/** Reason of every processor of a run with --no-cache. */
export const BYPASSED = 'this run takes nothing from the cache';

/**
 * Whether a task has to be done: its fingerprint is looked up among the results of earlier attempts. Every answer says
 * why. What stands in the way of a look (a file that changes, a store that cannot be read) costs the work, not the run.
 */
export function createCache(ground: CacheGround) {
  const { note } = ground;
  const earlier = createEarlierResults(ground.store, ground.files);

  function decide(run: RunMachine, task: Task, work: Work, look: Look): Late<Prepared> {
    if (!ground.executorsAreLocal()) return uncached(work, 'the executor may be on another machine');
    try {
      const { environment } = ground;
      const print = fingerprint({ run, node: task.node, work, look, environment });
      const answer = onceKnown(print, (known) => lookUp(run, task, work, known));
      return answer instanceof Promise ? answer.catch((error) => failed(work, error)) : answer;
    } catch (error) {
      return failed(work, error);
    }
  }

  function lookUp(run: RunMachine, task: Task, work: Work, print: Fingerprint): Late<Prepared> {
    if (run.noCache) return start(work, print, 'bypassed', BYPASSED);
    if (task.again || task.node.again) return start(work, print, 'bypassed', 'it was asked for by name');
    return onceKnown(earlier.latest(run, task), (latest) => {
      if (latest?.entry.key === print.key) return hit(latest, work, print);
      const miss = () => start(work, print, 'missed', whatChanged(latest?.entry, print));
      return earlier
        .byKey(print.key)
        .then((found) => (found === undefined ? miss() : hit(found, work, print)));
    });
  }

  function failed(work: Work, error: unknown): Prepared {
    if (error instanceof UnsteadyFile) return uncached(work, error.message);
    const message = error instanceof Error ? error.message : String(error);
    note(`the cache could not be asked: ${message}`);
    return uncached(work, `the cache could not be asked: ${message}`);
  }

  return { decide, forget: earlier.forget };
}

export type Cache = ReturnType<typeof createCache>;

/** Against the newest entry of the processor. */
function whatChanged(latest: CacheEntry | undefined, { parts }: Fingerprint): string {
  const before = latest?.result.cache?.parts;
  if (before === undefined) return 'first run';
  const names = new Set([...Object.keys(before), ...Object.keys(parts)]);
  const changed = [...names].filter((name) => before[name] !== parts[name]).sort();
  if (changed.length === 0) return 'kept by another version of wiz';
  const more = changed.length > NAMED ? ` and ${changed.length - NAMED} more` : '';
  return `changed: ${changed.slice(0, NAMED).join(', ')}${more}`;
}

function hit({ entry, whole }: Earlier, work: Work, print: Fingerprint): Prepared {
  if (!whole) return start(work, print, 'missed', 'its files are gone');
  return reuse(entry, work, print);
}

function start({ ready }: Work, { key, parts }: Fingerprint, verdict: string, reason: string): Prepared {
  return { kind: 'start', action: ready, cache: decision({ key, parts, verdict, reason }) };
}

/** Nothing is taken from the cache, and what is made is not kept there. */
function uncached({ ready }: Work, reason: string): Prepared {
  return { kind: 'start', action: ready, cache: decision({ verdict: 'bypassed', reason }) };
}

function reuse(
  { result, runId: holder }: CacheEntry,
  { ready }: Work,
  { key, parts }: Fingerprint,
): Prepared {
  // Who made it, which is not always the run that it is kept for.
  const runId = result.cache?.runId ?? holder;
  const attempt = result.cache?.attempt ?? 0;
  const cache = decision({ key, parts, verdict: 'reused', reason: `same as run ${runId}`, runId, attempt });
  const { output, context } = result;
  const made: File[] = result.files;
  return { kind: 'reuse', cache, output, context, files: made, inputs: ready.inputs };
}

function decision(given: Partial<CacheDecision>): CacheDecision {
  return {
    $typeName: 'wiz.v1.CacheDecision',
    key: '',
    verdict: '',
    reason: '',
    runId: '',
    attempt: 0,
    parts: {},
    ...given,
  };
}
