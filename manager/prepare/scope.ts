import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import { fileMark, hasMarks, marksOf, secretMark } from '../../proto/marks.ts';
import type { RunMachine } from '../engine/run.ts';
import type { FileValue, References, Scope } from '../expressions/expressions.ts';
import type { ProcessorNode } from '../graph/processor-node.ts';
import type { RunGraph } from '../graph/run-graph.ts';
import type { JsonObject, JsonValue } from '../spec/spec.ts';
import type { Results } from './joined.ts';
import { quiet } from './late.ts';
import { refuseMarks } from './values.ts';

/** What the expressions of a processor see; only what they refer to is loaded. */
export function createScopes(results: Results, runFacts: (run: RunMachine) => Scope['run']) {
  const fixed = new WeakMap<RunMachine, Fixed>();
  const fileValues = new WeakMap<ProcessorNode, { files: File[]; values: Record<string, FileValue> }>();
  const looked = new WeakSet<Record<string, string>>();

  function fixedOf(run: RunMachine) {
    let known = fixed.get(run);
    if (known === undefined || known.spec !== run.spec) {
      const secrets: Record<string, string> = {};
      for (const name of Object.keys(run.spec.secrets)) secrets[name] = secretMark(name);
      known = { spec: run.spec, run: undefined, secrets };
      fixed.set(run, known);
    }
    return known;
  }

  function filesOf(node: ProcessorNode): Record<string, FileValue> {
    const files = results.files(node);
    let known = fileValues.get(node);
    if (known?.files !== files) {
      known = { files, values: {} };
      for (const file of files) known.values[file.name] = fileValue(node.name, file);
      fileValues.set(node, known);
    }
    return known.values;
  }

  function checkContext(context: Record<string, string>): void {
    if (looked.has(context)) return;
    for (const key in context) refuseMarks(context[key]!);
    looked.add(context);
  }

  return {
    /** `node` undefined: of the run as a whole. A promise only when values have to be read. Throws or rejects as
     *  Results.value does. */
    of(run: RunMachine, node: ProcessorNode | undefined, references: References): Scope | Promise<Scope> {
      const context = node?.context ?? run.context;
      checkContext(context);
      const outputs: JsonObject = {};
      const late: Promise<void>[] = [];
      for (const name of namesOf(run.graph, node, references, 'outputs')) {
        const value = results.value(run.runId, run.graph.getNodeAttributes(name));
        if (!(value instanceof Promise)) outputs[name] = value;
        else
          late.push(
            quiet(
              value.then((read) => {
                outputs[name] = read;
              }),
            ),
          );
      }
      const files: Scope['files'] = {};
      for (const name of namesOf(run.graph, node, references, 'files'))
        files[name] = filesOf(run.graph.getNodeAttributes(name));
      const known = fixedOf(run);
      // A clock in a time zone takes a millisecond to make.
      if (references.run) known.run ??= runFacts(run);
      const { run: about = NOT_ASKED_FOR, secrets } = known;
      const scope: Scope = { params: run.params, context, outputs, files, run: about, state: {}, secrets };
      return late.length === 0 ? scope : Promise.all(late).then(() => scope);
    },
  };
}

/** What all scopes of a run have. */
interface Fixed {
  spec: object;
  run: Scope['run'] | undefined;
  secrets: Record<string, string>;
}

const NOT_ASKED_FOR: Scope['run'] = { id: '', pipeline: '', date: '', time: '', datetime: '' };

export type Scopes = ReturnType<typeof createScopes>;

function namesOf(
  graph: RunGraph,
  node: ProcessorNode | undefined,
  references: References,
  what: 'outputs' | 'files',
): string[] {
  if (!references.whole.has(what)) return [...references[what]].filter((name) => graph.hasNode(name));
  if (node === undefined) return graph.nodes();
  const upstream = new Set<string>([node.name]);
  // A set is walked in the order of insertion, also over what is added on the way.
  for (const name of upstream) graph.forEachInNeighbor(name, (need) => upstream.add(need));
  upstream.delete(node.name);
  return [...upstream];
}

function fileValue(processor: string, { name, hash, size, folder, mediaType }: File): FileValue {
  const path = fileMark({ hash, size, folder, place: `${processor}/${name}` });
  return { name, hash, size, folder, mediaType, path };
}

export function isFileValue(value: JsonValue | undefined): value is FileValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { path, hash } = value;
  if (typeof path !== 'string' || typeof hash !== 'string' || !hasMarks(path)) return false;
  const [mark, more] = marksOf(path);
  return mark?.kind === 'file' && mark.hash === hash && more === undefined;
}
