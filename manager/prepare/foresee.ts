import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import { PlanVerdict } from '../../proto/gen/wiz/v1/runs_pb.js';
import type { Prepared } from '../engine/preparation.ts';
import type { RunMachine } from '../engine/run.ts';
import { applyPrepared } from '../engine/transitions.ts';
import { isFanOut, type ProcessorNode } from '../graph/processor-node.ts';
import { BYPASSED } from './cache.ts';
import { referencesOfWhen } from './definition.ts';
import type { Preparer } from './preparer.ts';

/** What would become of a processor if the run were started now. */
export interface Foreseen {
  verdict: PlanVerdict;
  reason: string;
  /** Of one with a known list; 0 otherwise. */
  instances: number;
  cachedInstances: number;
  /** Whether it starts at all depends on what is executed before it. */
  maySkip: boolean;
}

/** Processors that a reason names. */
const NAMED = 3;

/**
 * Goes through a run that is stored nowhere as far as that can be done without executing anything, by the same questions
 * and transitions as a run that is: what is cached, skipped or has a list is applied to `run`, and lets go what depends on
 * it. What depends on something that would be executed is told by what is known of it.
 */
export async function foresee(run: RunMachine, preparer: Preparer): Promise<Map<string, Foreseen>> {
  const answers = new Map<string, Prepared>();
  for (;;) {
    const due = [...run.due].filter(({ preparation }) => preparation === 'due');
    if (due.length === 0) break;
    for (const task of due) task.preparation = 'asked';
    const prepared = await Promise.all(preparer.prepare(run, due));
    for (const [n, task] of due.entries()) {
      answers.set(task.name, prepared[n]!);
      applyPrepared(run, task, prepared[n]!, run.createdMs);
    }
  }
  const foreseen = new Map<string, Foreseen>();
  for (const node of inOrder(run)) {
    const known =
      node.waiting > 0 && !node.settled
        ? await fromNeeds(run, node, preparer, foreseen)
        : fromState(node, answers.get(node.name));
    foreseen.set(node.name, known);
  }
  return foreseen;
}

/** Needs before what needs them. */
function inOrder({ graph }: RunMachine): ProcessorNode[] {
  const left = new Map(graph.mapNodes((name, node) => [name, node.spec.needs.length]));
  const order = graph.nodes().filter((name) => left.get(name) === 0);
  for (const name of order) {
    graph.forEachOutNeighbor(name, (dependent) => {
      const needs = left.get(dependent)! - 1;
      left.set(dependent, needs);
      if (needs === 0) order.push(dependent);
    });
  }
  return order.map((name) => graph.getNodeAttributes(name));
}

/** Of one whose needs are all known: they are cached or skipped, or there are none. */
function fromState(node: ProcessorNode, answer: Prepared | undefined): Foreseen {
  const { instances } = node;
  if (instances !== undefined) {
    const count = instances.tasks.length;
    const cached = instances.tasks.filter(({ reason }) => reason === 'cached').length;
    const of = { instances: count, cachedInstances: cached, maySkip: false };
    if (count === 0) return { verdict: PlanVerdict.SKIPPED, reason: 'its list is empty', ...of };
    if (cached === count)
      return { verdict: PlanVerdict.CACHED, reason: instances.tasks[0]!.cache!.reason, ...of };
    if (node.spec.cache === null) return { verdict: PlanVerdict.RUN, reason: '', ...of };
    const why = instances.tasks.find(({ reason }) => reason !== 'cached')!.cache?.reason ?? 'not cached';
    return { verdict: PlanVerdict.RUN, reason: `${why} (${count - cached} of ${count} instances)`, ...of };
  }
  if (answer?.kind === 'reuse') return single(PlanVerdict.CACHED, answer.cache.reason);
  if (answer?.kind === 'start') return single(PlanVerdict.RUN, answer.cache?.reason ?? '');
  if (node.state === ProcessorState.FAILED)
    return single(PlanVerdict.SKIPPED, `${node.reason}: ${node.message}`);
  if (node.settled) return single(PlanVerdict.SKIPPED, node.message);
  return single(PlanVerdict.RUN, '');
}

/** Of one after something that would be executed, or may be. */
async function fromNeeds(
  run: RunMachine,
  node: ProcessorNode,
  preparer: Preparer,
  foreseen: Map<string, Foreseen>,
): Promise<Foreseen> {
  const { needs, rule, when, cache } = node.spec;
  const withVerdict = (...verdicts: PlanVerdict[]) =>
    needs.filter((need) => verdicts.includes(foreseen.get(need)!.verdict));
  const skipped = withVerdict(PlanVerdict.SKIPPED);
  // A processor with an empty list has succeeded.
  const unmet = skipped.filter(
    (need) => run.graph.getNodeAttributes(need).state !== ProcessorState.SUCCEEDED,
  );
  if (rule === 'all-succeeded' && unmet.length > 0)
    return single(PlanVerdict.SKIPPED, `${unmet[0]} is skipped`);
  const unknown = withVerdict(PlanVerdict.RUN, PlanVerdict.OPEN);
  const named = unknown.length > NAMED ? `${unknown.slice(0, NAMED).join(', ')}, …` : unknown.join(', ');
  if (when !== null) {
    if (!(await isKnown(run, when)))
      return single(PlanVerdict.OPEN, `when ${when} depends on ${named}`, true);
    const [answer] = await Promise.all(preparer.prepare(run, [node]));
    if (answer!.kind === 'skip') return single(PlanVerdict.SKIPPED, answer!.message);
  }
  const unsure = unknown.filter((need) => foreseen.get(need)!.maySkip);
  const sure = needs.length - unmet.length - unsure.length;
  const skips = rule === 'all-succeeded' ? unsure.length > 0 : rule === 'any-succeeded' && sure === 0;
  if (skips) return single(PlanVerdict.OPEN, `depends on whether ${unsure[0]} is skipped`, true);
  if (cache !== null && !run.noCache)
    return single(
      PlanVerdict.OPEN,
      `runs unless ${named} ${unknown.length > 1 ? 'give' : 'gives'} the same again`,
    );
  if (isFanOut(node.spec)) return single(PlanVerdict.RUN, `its list depends on ${named}`);
  return single(PlanVerdict.RUN, cache === null ? '' : BYPASSED);
}

/** Whether all that a condition looks at is there without executing anything. A program may add to the context. */
async function isKnown(run: RunMachine, when: string): Promise<boolean> {
  const { outputs, files, context, whole } = await referencesOfWhen(when);
  if (context.size > 0 || whole.size > 0) return false;
  return [...outputs, ...files].every(
    (name) => !run.graph.hasNode(name) || run.graph.getNodeAttributes(name).settled,
  );
}

function single(verdict: PlanVerdict, reason: string, maySkip = false): Foreseen {
  return { verdict, reason, instances: 0, cachedInstances: 0, maySkip };
}
