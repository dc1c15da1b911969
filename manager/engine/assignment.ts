import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Assignment, RunAssignments } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { ProcessorNode } from '../graph/processor-node.ts';
import { paramEnvironment } from '../spec/params.ts';
import type { JsonValue, ProcessorSpec } from '../spec/spec.ts';
import type { RunMachine } from './run.ts';

/**
 * Placements of one run as messages: grouped by the context they inherit, which is one object for all nodes
 * that inherit the same, so that a wide graph sends its environment once a batch.
 */
export function assignmentsOf(run: RunMachine, nodes: ProcessorNode[]): RunAssignments[] {
  const groups = new Map<Record<string, string>, RunAssignments>();
  for (const node of nodes) {
    let group = groups.get(node.context);
    if (group === undefined) {
      group = {
        $typeName: 'wiz.v1.RunAssignments',
        runId: run.runId,
        epoch: run.epoch,
        pipeline: run.pipeline,
        environment: { ...paramEnvironment(run.params), ...node.context },
        assignments: [],
      };
      groups.set(node.context, group);
    }
    group.assignments.push(assignmentOf(run, node));
  }
  return [...groups.values()];
}

function assignmentOf(run: RunMachine, node: ProcessorNode): Assignment {
  const spec = node.spec;
  return {
    $typeName: 'wiz.v1.Assignment',
    processor: node.name,
    attempt: node.attempt,
    action: actionOf(spec),
    environment: spec.env,
    workdir: spec.workdir ?? run.spec.workdir,
    inputJson: inputOf(run, node),
    timeoutMs: spec.timeoutMs ?? 0,
    graceMs: spec.graceMs,
  };
}

function actionOf(spec: ProcessorSpec): Assignment['action'] {
  const action = spec.action;
  switch (action.kind) {
    case 'program':
      return { case: 'program', value: { $typeName: 'wiz.v1.Program', argv: action.argv } };
    case 'script':
      return {
        case: 'script',
        value: { $typeName: 'wiz.v1.Script', shell: action.shell, text: action.text },
      };
    case 'call': {
      const withJson = emptyObject(action.with) ? '' : JSON.stringify(action.with);
      return { case: 'call', value: { $typeName: 'wiz.v1.Call', uses: action.uses, withJson } };
    }
  }
}

/** The content of WIZ_INPUT; empty when there is nothing to say. */
function inputOf(run: RunMachine, node: ProcessorNode): string {
  const outputs: string[] = [];
  for (const need of node.spec.needs) {
    const output = run.graph.getNodeAttributes(need).output;
    if (output?.value.case === undefined && !output?.oversizeBytes) continue;
    outputs.push(`${JSON.stringify(need)}:${outputJson(output)}`);
  }
  if (outputs.length === 0 && run.paramsJson === '{}' && emptyObject(node.context)) return '';
  const context = JSON.stringify(node.context);
  return `{"params":${run.paramsJson},"context":${context},"outputs":{${outputs.join(',')}}}`;
}

/** An output as the next processor sees it. */
function outputJson(output: Data): string {
  if (output.oversizeBytes > 0) return JSON.stringify({ oversizeBytes: output.oversizeBytes });
  const { case: form, value } = output.value;
  if (form === 'json') return value;
  if (form === 'text') return JSON.stringify({ text: value, lines: linesOf(value) } satisfies JsonValue);
  if (form === 'bytes') return JSON.stringify({ base64: encodeBase64(value), mediaType: output.mediaType });
  return 'null';
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

function encodeBase64(bytes: Uint8Array): string {
  // toBase64 is in Node 25; Buffer works on all.
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function emptyObject(value: object): boolean {
  for (const _ in value) return false;
  return true;
}
