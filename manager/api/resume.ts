import { WizError } from '../../proto/error.ts';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { isOver } from '../engine/resumed.ts';
import type { RunMachine } from '../engine/run.ts';
import { changedProcessors } from '../graph/run-graph.ts';
import { fixMacros } from '../spec/macros.ts';
import { nearest } from '../spec/nearest.ts';
import type { PipelineSpec } from '../spec/spec.ts';
import { ownTimeZone } from '../time-zone.ts';

/** An edited spec with the macros of the run it goes on with: same id, same time and zone, same params. */
export function resumeSpec(spec: PipelineSpec, before: RunMachine): PipelineSpec {
  return fixMacros(spec, {
    params: before.params,
    context: {},
    runId: before.runId,
    nowMs: before.trigger?.scheduledUnixMs ?? before.createdMs,
    timeZone: before.spec.timeZone ?? ownTimeZone(),
  });
}

/**
 * Processors that a retry starts again (what depends on them follows): the named ones, or else those that did
 * not succeed; with an edited file also those whose definition changed. Throws WizError invalid_argument for a
 * name that is not there, failed_precondition when nothing is left to do. None for a run that failed when all of them had
 * succeeded: its outputs are found out again.
 */
export function whatToResume(run: RunMachine, from: string[], edited: PipelineSpec | undefined): string[] {
  const names = (edited ?? run.spec).processors.map(({ name }) => name);
  const known = new Set(names);
  for (const name of from) {
    if (known.has(name)) continue;
    const near = nearest(name, names);
    const hint = near === undefined ? `It has ${names.slice(0, 20).join(', ')}.` : `Did you mean "${near}"?`;
    throw new WizError('invalid_argument', `Run ${run.runId} has no processor "${name}". ${hint}`);
  }
  const changed = edited === undefined ? [] : changedProcessors(run.graph, edited);
  const unfinished = names.filter((name) => {
    if (!run.graph.hasNode(name)) return true;
    const node = run.graph.getNodeAttributes(name);
    // A warning is over and done with, but a retry without names is also asked for to mend it.
    return !isOver(node) || (from.length === 0 && node.state === ProcessorState.FAILED);
  });
  const again = [...new Set([...from, ...changed, ...unfinished])];
  // Of a run that failed with nothing to do only its outputs are found out again.
  if (again.length === 0 && run.state === RunState.SUCCEEDED) {
    throw new WizError(
      'failed_precondition',
      `Every processor of run ${run.runId} succeeded. Name where to start again with --from.`,
    );
  }
  return again;
}
