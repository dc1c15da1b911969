import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Assignment, NeedResult, Secret } from '../../proto/gen/wiz/v1/executors_pb.js';
import { hasMarks, markedJson, marksOf } from '../../proto/marks.ts';
import { mediaTypeOf } from '../../proto/media-type.ts';
import { actionMessage } from '../engine/assignment.ts';
import type { ReadyAction } from '../engine/preparation.ts';
import type { RunMachine } from '../engine/run.ts';
import type { Evaluator, Scope } from '../expressions/expressions.ts';
import type { ProcessorNode } from '../graph/processor-node.ts';
import type { ActionSpec, JsonObject, JsonValue, ProcessorSpec, SecretSpec } from '../spec/spec.ts';
import type { Definition } from './definition.ts';
import type { Results } from './joined.ts';
import { isFileValue } from './scope.ts';

/** What one task is to do: its texts with their values in place. */
export interface Work {
  ready: ReadyAction;
  /** As in ReadyAction, in the shape of the spec. */
  action: ActionSpec;
  /** Value of the cache key text; empty without. */
  cacheKey: string;
  /** Of an instance. */
  item: { json: string; index: number } | undefined;
}

/** What a processor's instances, or the processor itself, have in common. */
export interface Ground {
  run: RunMachine;
  node: ProcessorNode;
  definition: Definition;
  evaluator: Evaluator | undefined;
  scope: Scope;
  needs: NeedResult[];
}

export interface Item {
  value: JsonValue;
  index: number;
}

/** Makes the work of a processor, or of one instance after the other. What does not depend on the item is made once.
 *  The function throws ExpressionFailure. */
export function createWorker(ground: Ground): (item: Item | undefined) => Work {
  const { run, node, definition, scope } = ground;
  const evaluator = ground.evaluator && withoutRepeats(ground.evaluator);
  const spec = node.spec;
  const inputJson = inputStart(run, node.context);
  const secrets = secretsOf(run, spec, definition);
  const givenFiles = filesOfNeeds(ground.needs);
  let shared:
    | (Pick<Work, 'action' | 'cacheKey'> & {
        environment: Record<string, string>;
        message: Assignment['action'];
        marked: File[];
      })
    | undefined;

  function evaluate(at: Scope) {
    const text = (written: string) => (evaluator === undefined ? written : textOf(evaluator, written, at));
    const environment = evaluator === undefined ? spec.env : mapTexts(spec.env, text);
    const action = evaluator === undefined ? spec.action : evaluateAction(evaluator, spec.action, at);
    const marked: File[] = [];
    if (evaluator !== undefined) {
      collectMarked(environment, marked);
      collectMarked(action as unknown as JsonValue, marked);
    }
    const cacheKey = spec.cache === null ? '' : text(spec.cache.key);
    return {
      environment,
      action,
      message: action === spec.action ? plainMessage(action) : actionMessage(action),
      marked,
      cacheKey,
    };
  }

  return (item) => {
    const depends = definition.work.item || definition.work.index;
    let made = shared;
    if (made === undefined) {
      made = evaluate(item === undefined ? scope : { ...scope, item: item.value, index: item.index });
      if (item === undefined || !depends) shared = made;
    }
    const { action, cacheKey, environment, message, marked } = made;
    let inputs = withFiles(givenFiles, marked);
    let input = inputJson;
    let itemJson: string | undefined;
    if (item !== undefined) {
      itemJson = JSON.stringify(item.value);
      input = `${(inputJson || EMPTY_INPUT).slice(0, -1)},"item":${itemJson},"index":${item.index}}`;
      if (itemJson.includes('\\u0000')) {
        const inItem: File[] = [];
        collectMarked(item.value, inItem);
        inputs = withFiles(inputs, inItem);
      }
    }
    return {
      ready: { action: message, environment, inputJson: input, needs: ground.needs, secrets, inputs },
      action,
      cacheKey,
      item: itemJson === undefined ? undefined : { json: itemJson, index: item!.index },
    };
  };
}

/** Texts that say the same for every item are evaluated once. */
function withoutRepeats(evaluator: Evaluator): Evaluator {
  const fixed = new Map<string, JsonValue>();
  const changing = new Set<string>();
  return {
    ...evaluator,
    evaluateText(text, scope) {
      const known = fixed.get(text);
      if (known !== undefined) return known;
      const value = evaluator.evaluateText(text, scope);
      if (changing.has(text)) return value;
      const { item, index } = evaluator.references(text);
      if (item || index) changing.add(text);
      else fixed.set(text, value);
      return value;
    },
  };
}

const EMPTY_INPUT = '{"params":{},"context":{}}';

const contextJsons = new WeakMap<Record<string, string>, string>();

/** The beginning of WIZ_INPUT; empty when there is nothing to say. */
function inputStart({ paramsJson }: RunMachine, context: Record<string, string>): string {
  let json = contextJsons.get(context);
  if (json === undefined) {
    json = JSON.stringify(context);
    contextJsons.set(context, json);
  }
  return paramsJson === '{}' && json === '{}' ? '' : `{"params":${paramsJson},"context":${json}}`;
}

/** What is passed on of direct needs, those with something to pass. A promise when a joined value has to be stored. */
export function needsOf(
  { graph }: RunMachine,
  { spec }: ProcessorNode,
  results: Results,
  without: ReadonlySet<string>,
): NeedResult[] | Promise<NeedResult[]> {
  const needs: NeedResult[] = [];
  const late: Promise<void>[] = [];
  for (const name of spec.needs) {
    if (without.has(name)) continue;
    const need = graph.getNodeAttributes(name);
    const files = results.files(need);
    const output = results.output(need);
    const instances = need.instances !== undefined;
    const result: NeedResult = { $typeName: 'wiz.v1.NeedResult', processor: name, files, instances };
    if (output instanceof Promise)
      late.push(
        output.then((data) => {
          result.output = data;
        }),
      );
    else if (output !== undefined && output.value.case !== undefined) result.output = output;
    else if (files.length === 0) continue;
    needs.push(result);
  }
  return late.length === 0 ? needs : Promise.all(late).then(() => needs);
}

function filesOfNeeds(needs: NeedResult[]): File[] {
  return needs.flatMap(({ output, files }) =>
    output?.value.case === 'file' ? [...files, output.value.value] : files,
  );
}

/** Without those that are there already. */
function withFiles(files: File[], more: File[]): File[] {
  if (more.length === 0) return files;
  const known = new Set(files.map(({ hash, name }) => `${hash}${name}`));
  const added = more.filter(({ hash, name }) => !known.has(`${hash}${name}`) && known.add(`${hash}${name}`));
  return added.length === 0 ? files : [...files, ...added];
}

function textOf(evaluator: Evaluator, written: string, scope: Scope): string {
  if (!written.includes('${{')) return written;
  const value = evaluator.evaluateText(written, scope);
  if (typeof value === 'string') return value;
  if (value === null) return '';
  return isFileValue(value) ? value.path : markedJson(value);
}

function evaluateAction(evaluator: Evaluator, action: ActionSpec, scope: Scope): ActionSpec {
  switch (action.kind) {
    case 'script': {
      if (!action.text.includes('${{')) return action;
      return { ...action, text: evaluator.evaluateScript(action.text, action.shell, scope) };
    }
    case 'program':
      return { ...action, argv: action.argv.map((written) => textOf(evaluator, written, scope)) };
    case 'call':
      return { ...action, with: evaluateOptions(evaluator, action.with, scope) as JsonObject };
  }
}

/** As evaluateValue, but an option that is a file is its path: that is what options take. */
function evaluateOptions(evaluator: Evaluator, written: JsonValue, scope: Scope): JsonValue {
  if (typeof written === 'string') {
    if (!written.includes('${{')) return written;
    const value = evaluator.evaluateText(written, scope);
    return isFileValue(value) ? value.path : value;
  }
  if (Array.isArray(written)) return written.map((item) => evaluateOptions(evaluator, item, scope));
  if (typeof written !== 'object' || written === null) return written;
  const values: JsonObject = {};
  for (const key in written) values[key] = evaluateOptions(evaluator, written[key]!, scope);
  return values;
}

function mapTexts(texts: Record<string, string>, change: (text: string) => string): Record<string, string> {
  const changed: Record<string, string> = {};
  for (const key in texts) changed[key] = change(texts[key]!);
  return changed;
}

const plainMessages = new WeakMap<ActionSpec, Assignment['action']>();

/** One message for all tasks that do what the definition says as it stands. */
function plainMessage(action: ActionSpec): Assignment['action'] {
  let message = plainMessages.get(action);
  if (message === undefined) {
    message = actionMessage(action);
    plainMessages.set(action, message);
  }
  return message;
}

/** The files whose marks stand in texts of the value. */
function collectMarked(value: JsonValue, found: File[]): void {
  if (typeof value === 'string') {
    if (!hasMarks(value)) return;
    for (const mark of marksOf(value)) {
      if (mark.kind !== 'file') continue;
      const name = mark.place.slice(mark.place.indexOf('/') + 1);
      const { hash, size, folder } = mark;
      found.push({
        $typeName: 'wiz.v1.File',
        name,
        hash,
        size,
        folder,
        mediaType: folder ? '' : mediaTypeOf(name),
      });
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const key in value) collectMarked((value as JsonObject)[key]!, found);
  }
}

/**
 * The secrets that the texts refer to, and those the program sees as variables. By what the definition says, never by
 * marks that are found: nothing that data holds brings a secret in.
 */
function secretsOf({ spec: pipeline }: RunMachine, spec: ProcessorSpec, definition: Definition): Secret[] {
  const names = new Set(spec.secrets);
  for (const references of [definition.start, definition.work]) {
    const whole = references.whole.has('secrets');
    for (const name of whole ? Object.keys(pipeline.secrets) : references.secrets) names.add(name);
  }
  return [...names]
    .filter((name) => Object.hasOwn(pipeline.secrets, name))
    .map((name) => ({
      $typeName: 'wiz.v1.Secret',
      name,
      source: sourceOf(pipeline.secrets[name]!),
      exposed: spec.secrets.includes(name),
      folder: 'command' in pipeline.secrets[name]! ? pipeline.workdir : '',
    }));
}

function sourceOf(secret: SecretSpec): Secret['source'] {
  if ('env' in secret) return { case: 'environment', value: secret.env };
  if ('file' in secret) return { case: 'file', value: secret.file };
  return { case: 'command', value: { $typeName: 'wiz.v1.Program', argv: secret.command } };
}
