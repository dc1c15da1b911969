import { mentionsExpressions } from '../engine/preparation.ts';
import type { Evaluator, References } from '../expressions/expressions.ts';
import { noReferences } from '../expressions/references.ts';
import type { ActionSpec, JsonValue, PipelineSpec, ProcessorSpec } from '../spec/spec.ts';

/**
 * What the definition of a processor asks for, found out once: which of its texts are expressions, and what they
 * refer to.
 */
export interface Definition {
  /** Of `when`, `each` and `matrix`. */
  start: References;
  /** Of each and matrix alone: what an instance has as its item. */
  list: References;
  /** Of the action, the environment and the cache key. */
  work: References;
}

export const NO_REFERENCES: References = noReferences();

const evaluating = new WeakMap<object, boolean>();

/** Whether the evaluator is needed for the processor. */
export function evaluates(spec: ProcessorSpec): boolean {
  let known = evaluating.get(spec);
  if (known === undefined) {
    known = mentionsExpressions([startTexts(spec), workTexts(spec)]);
    evaluating.set(spec, known);
  }
  return known;
}

/** Whether the evaluator is needed for what the pipeline leaves. */
export function outputsEvaluate({ outputs }: PipelineSpec): boolean {
  return outputs !== null && mentionsExpressions(outputs);
}

const definitions = new WeakMap<ProcessorSpec, Definition>();

/** `evaluator` is undefined when the processor has no expressions. */
export function definitionOf(spec: ProcessorSpec, evaluator: Evaluator | undefined): Definition {
  let definition = definitions.get(spec);
  if (definition === undefined) {
    const refer = (value: JsonValue) =>
      evaluator === undefined || !mentionsExpressions(value) ? NO_REFERENCES : evaluator.references(value);
    definition = {
      start: refer(startTexts(spec)),
      list: refer(listTexts(spec)),
      work: refer(workTexts(spec)),
    };
    definitions.set(spec, definition);
  }
  return definition;
}

function listTexts({ each, matrix }: ProcessorSpec): JsonValue {
  return [each, matrix];
}

function startTexts(spec: ProcessorSpec): JsonValue {
  return [spec.when, listTexts(spec)];
}

function workTexts({ action, env, cache }: ProcessorSpec): JsonValue {
  return [env, cache?.key ?? null, actionTexts(action)];
}

export function actionTexts(action: ActionSpec): JsonValue {
  switch (action.kind) {
    case 'script':
      return action.text;
    case 'program':
      return action.argv;
    case 'call':
      return action.with;
  }
}

/** What a condition refers to. */
export async function referencesOfWhen(when: string): Promise<References> {
  if (!mentionsExpressions(when)) return NO_REFERENCES;
  return (await import('../expressions/evaluate.ts')).references(when);
}
