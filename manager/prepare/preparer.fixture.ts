import assert from 'node:assert/strict';
import { type Data, DataForm, type File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { ReadyAction } from '../engine/preparation.ts';
import { createdEvent, type ProcessorSketch, pipeline, standing } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import type { JsonValue, PipelineSpec, ProcessorSpec } from '../spec/spec.ts';
import { drive } from './drive.fixture.ts';
import { MemoryFiles, MemoryStore } from './memory.fixture.ts';
import { createPreparer } from './preparer.ts';

export interface Story {
  params?: Record<string, JsonValue>;
  context?: Record<string, string>;
  /** What processors and instances give, by name. */
  give?: Record<string, Partial<Report>>;
}

/** A preparer on stores in memory, and runs that it prepares. */
export function newPlace() {
  const files = new MemoryFiles();
  const preparer = createPreparer({
    store: new MemoryStore(),
    files: files.asFileStore(),
    environment: {},
    executorsAreLocal: () => true,
    note: (message) => assert.fail(message),
  });

  return {
    files,
    preparer,
    async stored(name: string, content: string | Uint8Array, folder = false): Promise<File> {
      const { hash, size } = await files.putBytes(Buffer.from(content));
      return { $typeName: 'wiz.v1.File', name, hash, size, mediaType: 'text/plain', folder };
    },
    /** Runs to the end; what each task was given, by name. */
    async run(sketches: ProcessorSketch[], story: Story = {}, rest: Partial<PipelineSpec> = {}) {
      const created = createdEvent(pipeline(sketches, rest));
      const { params = {}, context = {}, give = {} } = story;
      Object.assign(created.event.value!, { paramsJson: JSON.stringify(params), context });
      const machine = newRunMachine(created, 'manager', 1);
      const given: Record<string, ReadyAction> = {};
      await drive(machine, preparer, (task, action) => {
        given[task.name] = action;
        return give[task.name] ?? {};
      });
      const messages = machine.graph.mapNodes((_, node) => node.message);
      const message = messages.find((text) => text !== '') ?? '';
      return { given, machine, standing: standing(machine), message };
    },
  };
}

export const data = (value: Data['value'], form = DataForm.UNSPECIFIED): Data => ({
  $typeName: 'wiz.v1.Data',
  value,
  mediaType: '',
  form,
});
export const json = (value: JsonValue) => data({ case: 'json', value: JSON.stringify(value) });
export const call = (options: Record<string, JsonValue>): ProcessorSpec['action'] => ({
  kind: 'call',
  uses: 'noop',
  with: options,
});
export const program = (...argv: string[]): ProcessorSpec['action'] => ({ kind: 'program', argv });

export const argvOf = ({ action }: ReadyAction) => (action.case === 'program' ? action.value.argv : []);
export const optionsOf = ({ action }: ReadyAction) =>
  action.case === 'call' ? JSON.parse(action.value.withJson) : undefined;
