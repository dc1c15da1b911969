import { DataForm, type File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Assignment, NeedResult, RunAssignments } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { ProcessorNode, Task } from '../graph/processor-node.ts';
import { paramEnvironment } from '../spec/params.ts';
import type { ActionSpec, ProcessorSpec } from '../spec/spec.ts';
import type { ReadyAction, Unready } from './preparation.ts';
import type { RunMachine } from './run.ts';

/** A task and what it is to do, given to an executor. */
export interface Placement {
  run: RunMachine;
  task: Task;
  executorId: string;
  action: ReadyAction;
}

/**
 * Placements of one run as messages: grouped by the context they inherit, which is one object for all nodes
 * that inherit the same, so that a wide graph sends its environment once a batch.
 */
export function assignmentsOf(run: RunMachine, placements: Placement[]): RunAssignments[] {
  const groups = new Map<Record<string, string>, RunAssignments>();
  for (const { task, action } of placements) {
    const { context } = task.node;
    let group = groups.get(context);
    if (group === undefined) {
      group = {
        $typeName: 'wiz.v1.RunAssignments',
        runId: run.runId,
        epoch: run.epoch,
        pipeline: run.pipeline,
        environment: { ...paramEnvironment(run.params), ...context },
        assignments: [],
        ...(run.trace !== undefined && { trace: run.trace }),
      };
      groups.set(context, group);
    }
    group.assignments.push(assignmentOf(run, task, action));
  }
  return [...groups.values()];
}

function assignmentOf(run: RunMachine, task: Task, ready: ReadyAction): Assignment {
  const { spec } = task.node;
  return {
    $typeName: 'wiz.v1.Assignment',
    processor: task.name,
    attempt: task.attempt,
    action: ready.action,
    environment: ready.environment,
    workdir: spec.workdir ?? run.spec.workdir,
    inputJson: ready.inputJson,
    timeoutMs: spec.timeoutMs ?? 0,
    graceMs: spec.graceMs,
    dataForm: FORMS[spec.data],
    needs: ready.needs,
    secrets: ready.secrets,
  };
}

const FORMS: Record<ProcessorSpec['data'], DataForm> = {
  auto: DataForm.UNSPECIFIED,
  json: DataForm.JSON,
  text: DataForm.TEXT,
  lines: DataForm.LINES,
  bytes: DataForm.BYTES,
  protobuf: DataForm.PROTOBUF,
};

/** What a task is to do: as it was prepared, or as its spec says when there was nothing to prepare. */
export function actionOf(run: RunMachine, task: Task): ReadyAction | Unready {
  if (task.prepared !== undefined) return task.prepared;
  if (task.index >= 0) return task.node.instances!.actionOf!(task.index);
  return plainAction(run, task.node);
}

function plainAction(run: RunMachine, node: ProcessorNode): ReadyAction {
  const needs = needsOf(run, node);
  return {
    action: actionMessage(node.spec.action),
    environment: node.spec.env,
    inputJson: inputOf(run, node),
    needs,
    secrets: NONE,
    inputs: needs.length === 0 ? NONE : filesOf(needs),
  };
}

const NONE: never[] = [];

/** An action whose texts are final, as a message. */
export function actionMessage(action: ActionSpec): Assignment['action'] {
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

/** The beginning of WIZ_INPUT; empty when there is nothing to say. */
export function inputOf(run: RunMachine, node: ProcessorNode): string {
  if (run.paramsJson === '{}' && emptyObject(node.context)) return '';
  return `{"params":${run.paramsJson},"context":${JSON.stringify(node.context)}}`;
}

/** What the direct needs left, of those that left something. */
function needsOf(run: RunMachine, node: ProcessorNode): NeedResult[] {
  let needs: NeedResult[] = NONE;
  for (const name of node.spec.needs) {
    const { output, files } = run.graph.getNodeAttributes(name);
    if (files === undefined && output?.value.case === undefined) continue;
    const result: NeedResult = {
      $typeName: 'wiz.v1.NeedResult',
      processor: name,
      files: files ?? NONE,
      instances: false,
    };
    if (output !== undefined) result.output = output;
    if (needs === NONE) needs = [result];
    else needs.push(result);
  }
  return needs;
}

/** Wiz Files among what needs left: their files, and values that are files. */
export function filesOf(needs: NeedResult[]): File[] {
  const files: File[] = [];
  for (const { output, files: left } of needs) {
    if (output?.value.case === 'file') files.push(output.value.value);
    for (const file of left) files.push(file);
  }
  return files;
}

function emptyObject(value: object): boolean {
  for (const _ in value) return false;
  return true;
}
