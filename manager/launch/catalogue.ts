import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { toJson } from '@bufbuild/protobuf';
import { WizError } from '../../proto/error.ts';
import { ProcessorTypeSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import { describeExecutor } from '../dispatch/calls.ts';
import type { ExecutorRow, Store } from '../store/store.ts';

export interface CatalogueOptions {
  store: Pick<Store, 'getCatalogue' | 'putCatalogue'>;
  /** What the answer is stored under. */
  build(): string;
  entry: string;
  environment: Record<string, string>;
  /** One that serves or is about to; undefined when there is none. */
  executor(): Promise<ExecutorRow | undefined>;
}

/** Milliseconds and bytes that `--describe` may take: it prints some 10 KB within 200 ms. */
const DESCRIBE_MS = 10_000;
const DESCRIBE_BYTES = 16 * 1024 * 1024;

/** What the processors of a build are, as a JSON array of ProcessorType messages: as stored, else as an
 *  executor says that is there anyway, else as the program prints it. Rejects with WizError unavailable. */
export function createCatalogue(options: CatalogueOptions): () => Promise<string> {
  const { store } = options;
  let asking: Promise<string> | undefined;

  return () => {
    asking ??= obtain().catch((error) => {
      asking = undefined;
      throw error;
    });
    return asking;
  };

  async function obtain(): Promise<string> {
    const build = options.build();
    const stored = await store.getCatalogue(build);
    if (stored !== undefined) return stored;
    const json = (await askExecutor().catch(() => undefined)) ?? (await askProgram(options));
    await store.putCatalogue(build, json);
    return json;
  }

  async function askExecutor(): Promise<string | undefined> {
    const row = await options.executor();
    if (!row) return undefined;
    const { processors } = await describeExecutor({ address: row.address, token: row.token });
    return catalogueJson(processors);
  }
}

export function catalogueJson(
  processors: Parameters<typeof toJson<typeof ProcessorTypeSchema>>[1][],
): string {
  return JSON.stringify(processors.map((processor) => toJson(ProcessorTypeSchema, processor)));
}

async function askProgram({ entry, environment }: CatalogueOptions): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [entry, '--describe'], {
      env: environment,
      timeout: DESCRIBE_MS,
      maxBuffer: DESCRIBE_BYTES,
    });
    if (!Array.isArray(JSON.parse(stdout))) throw new Error('it printed no list');
    return stdout.trim();
  } catch (cause) {
    const { message } = cause as Error;
    throw new WizError('unavailable', `The executor does not tell which processors it has: ${message}`, {
      cause,
    });
  }
}
