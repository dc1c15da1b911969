import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { RunMachine } from '../engine/run.ts';
import type { HookSpec } from '../spec/hook-spec.ts';
import type { PipelineSpec, SecretSpec } from '../spec/spec.ts';
import type { NewDelivery } from '../store/deliveries.ts';
import { bodyOf } from './body.ts';
import { occurrenceOf } from './occurrences.ts';
import { type ReadyHook, readyHook } from './target.ts';

/** Hooks of a manager's configuration: for all pipelines, or some. */
export interface ManagerHook extends HookSpec {
  /** Names, with `*` for any characters; empty is all. */
  pipelines: string[];
  /** Labels that a run must have, with their values. */
  labels: Record<string, string>;
}

export interface HooksOfManager {
  hooks: ManagerHook[];
  secrets: Record<string, SecretSpec>;
  /** Folder of their commands. */
  folder: string;
  /** Where people reach the manager, for links; undefined is no links. */
  publicUrl: string | undefined;
}

/**
 * What hooks are told of events, to be stored in the commit of these. It follows from the events and the run alone: a
 * commit that is tried again has the same deliveries under the same ids. Without hooks it costs nothing.
 */
export function createTeller(own: HooksOfManager) {
  const ofManager = own.hooks.map((spec) => ({
    ...readyHook(
      spec,
      { action: spec.action, secrets: own.secrets, folder: own.folder, ofPipeline: false },
      '',
    ),
    spec,
  }));
  const ofSpecs = new WeakMap<PipelineSpec, ReadyHook[]>();

  function hooksOf(run: RunMachine): ReadyHook[] {
    let hooks = ofSpecs.get(run.spec);
    if (hooks === undefined) {
      const { secrets, workdir } = run.spec;
      hooks = [
        ...run.spec.hooks.map((spec) =>
          readyHook(spec, { action: spec.action, secrets, folder: workdir, ofPipeline: true }, run.pipeline),
        ),
        ...ofManager.filter(({ spec }) => isAbout(spec, run)),
      ];
      ofSpecs.set(run.spec, hooks);
    }
    return hooks;
  }

  return (run: RunMachine, events: readonly Event[]): NewDelivery[] | undefined => {
    if (ofManager.length === 0 && run.spec.hooks.length === 0) return undefined;
    const hooks = hooksOf(run);
    if (hooks.length === 0) return undefined;
    let deliveries: Map<string, NewDelivery> | undefined;
    for (const event of events) {
      const occurrence = occurrenceOf(event);
      if (occurrence === undefined) continue;
      const { name, seq, processor, unixMs } = occurrence;
      for (const { spec, on, key, target } of hooks) {
        if (!on.has(name)) continue;
        if (processor !== '' && spec.processors.length > 0 && !spec.processors.includes(processor)) continue;
        const deliveryId = `${run.runId}-${seq}-${key.slice(0, 8)}`;
        deliveries ??= new Map();
        deliveries.set(deliveryId, {
          deliveryId,
          hookKey: key,
          runId: run.runId,
          pipeline: run.pipeline,
          event: name,
          processor,
          createdMs: unixMs,
          target,
          body: JSON.stringify(bodyOf(deliveryId, run, occurrence, own.publicUrl)),
          timeoutMs: spec.timeoutMs,
        });
      }
    }
    return deliveries && [...deliveries.values()];
  };
}

function isAbout({ pipelines, labels }: ManagerHook, run: RunMachine): boolean {
  if (pipelines.length > 0 && !pipelines.some((pattern) => fits(pattern, run.pipeline))) return false;
  return Object.entries(labels).every(([name, value]) => run.labels[name] === value);
}

function fits(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}
