import { create } from '@bufbuild/protobuf';
import type { ProcessorType } from '../../proto/gen/wiz/v1/executors_pb.js';
import { ProcessorTypeSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import noop from './noop.ts';
import type { BundledProcessor } from './processor.ts';

interface Entry {
  load(): Promise<{ default: BundledProcessor }>;
  /** It works on processor or disk, and takes a slot like a program; the others only wait. */
  takesSlot: boolean;
}

/** Every bundled processor, loaded when it is first used. */
const entries: Record<string, Entry> = {
  file: { load: () => import('./file.ts'), takesSlot: true },
  glob: { load: () => import('./glob.ts'), takesSlot: true },
  http: { load: () => import('./http.ts'), takesSlot: false },
  json: { load: () => import('./json.ts'), takesSlot: true },
  noop: { load: async () => ({ default: noop }), takesSlot: false },
  sleep: { load: () => import('./sleep.ts'), takesSlot: false },
};

const loaded = new Map<string, BundledProcessor>([['noop', noop]]);

/** The processor when it is there without waiting. */
export function loadedProcessor(name: string): BundledProcessor | undefined {
  return loaded.get(name);
}

/** Undefined when there is none of that name. */
export async function loadProcessor(name: string): Promise<BundledProcessor | undefined> {
  if (!Object.hasOwn(entries, name)) return undefined;
  const { default: processor } = await entries[name]!.load();
  loaded.set(name, processor);
  return processor;
}

export function takesSlot(name: string): boolean {
  return Object.hasOwn(entries, name) && entries[name]!.takesSlot;
}

export const processorNames: readonly string[] = Object.keys(entries);

/** What this executor's processors are and take, by name. Loads all of them, and zod. */
export async function describeProcessors(): Promise<ProcessorType[]> {
  const [{ z }, processors] = await Promise.all([
    import('zod'),
    Promise.all(processorNames.map(async (name) => (await loadProcessor(name))!)),
  ]);
  return processors.map(({ name, description, options, outputSchema, example }) => {
    const schema = z.toJSONSchema(options(z), { io: 'input' });
    return create(ProcessorTypeSchema, {
      name,
      description,
      optionsSchemaJson: JSON.stringify(schema),
      exampleYaml: example,
      outputSchemaJson: outputSchema ? JSON.stringify(outputSchema) : '',
    });
  });
}
