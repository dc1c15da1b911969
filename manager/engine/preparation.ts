import type { CacheDecision, Data, File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { OutputFile, OutputRecords } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Assignment, NeedResult, Secret } from '../../proto/gen/wiz/v1/executors_pb.js';
import { isFanOut, type ProcessorNode } from '../graph/processor-node.ts';
import type { RunMachine } from './run.ts';

/**
 * What has to be found out before a task may start: whether it is to run at all (`when`), its list (`each`, `matrix`), the
 * values of its expressions, and whether the cache has its result. The engine asks for it and is answered at once or
 * later; a processor without any of these is not asked about.
 *
 *   due (its needs have let it go) --asked--> answered: start   -> ready
 *                                                       expand  -> its instances are ready, or due when they are cached
 *                                                       skip    -> settled, Idle (skipped)
 *                                                       reuse   -> settled, Succeeded (cached)
 *                                                       fail    -> settled, Failed
 *
 * Nothing of an answer but its events is durable: a manager that takes the run over asks again.
 */
export type Prepared =
  | { kind: 'start'; action: ReadyAction; cache: CacheDecision | undefined }
  | { kind: 'expand'; count: number; actionOf(index: number): ReadyAction | Unready }
  | { kind: 'skip'; message: string }
  | {
      kind: 'reuse';
      cache: CacheDecision;
      output: Data | undefined;
      context: Record<string, string>;
      files: File[];
      inputs: File[];
    }
  | Unready;

/** It cannot start: bad-expression, bad-list, ... A failure of the app that is not tried again. */
export interface Unready {
  kind: 'fail';
  reason: string;
  /** A sentence, without its full stop. */
  message: string;
}

/** What goes into the assignment: expressions evaluated, marks of files and secrets in place. */
export interface ReadyAction {
  action: Assignment['action'];
  environment: Record<string, string>;
  inputJson: string;
  needs: NeedResult[];
  secrets: Secret[];
  /** Wiz Files that it is given. */
  inputs: File[];
}

/** What a run that succeeded leaves in the output stores. */
export type Conclusion =
  | { kind: 'kept'; files: OutputFile[]; records: OutputRecords[] }
  | { kind: 'fail'; reason: string; message: string };

/** Whether there is anything to find out; if not, it starts as its spec says. */
export function needsPreparation(run: RunMachine, { spec }: ProcessorNode): boolean {
  if (spec.when !== null || spec.cache !== null || spec.secrets.length > 0 || isFanOut(spec)) return true;
  if (mentionsExpressions(spec.action) || mentionsExpressions(spec.env)) return true;
  // What their instances left has to be joined.
  return spec.needs.some((need) => run.graph.getNodeAttributes(need).instances !== undefined);
}

/** Whether a text anywhere in the value has an expression, or what stands for the beginning of one. */
export function mentionsExpressions(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('${{');
  if (typeof value !== 'object' || value === null) return false;
  for (const key in value) if (mentionsExpressions((value as Record<string, unknown>)[key])) return true;
  return false;
}
