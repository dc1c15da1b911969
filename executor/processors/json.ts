import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { durationOption, parseDurationMs } from './duration.ts';
import { defineProcessor, type JsonValue, ProcessorFailure } from './processor.ts';

export default defineProcessor({
  name: 'json',
  description: 'Selects and reshapes JSON with a JSONata expression (docs.jsonata.org).',
  options: (z) =>
    z.strictObject({
      expression: z
        .string()
        .min(1)
        .describe(
          'JSONata over { params, context, outputs, files }, with outputs and files by the name of the processor needed; of an instance also item and index.',
        ),
      file: z
        .string()
        .min(1)
        .optional()
        .describe("JSON file, relative to the processor's folder, that the expression sees as `file`."),
      timeout: durationOption(z).default('30s').describe('Longest time for the expression.'),
    }),
  example: `name: json-example
description: Groups a list by colour and counts.
processors:
  fruit:
    uses: noop
    with:
      output:
        - { name: apple, colour: red }
        - { name: cherry, colour: red }
        - { name: banana, colour: yellow }
  count:
    needs: [fruit]
    uses: json
    with:
      expression: "outputs.fruit{ colour: $count(name) }"
`,
  async run({ expression, file, timeout }, { input, workdir, signal }) {
    const document = file === undefined ? {} : { file: await readJson(resolve(workdir, file), signal) };
    const timeoutMs = parseDurationMs(timeout);
    return { output: await evaluate(expression, { ...(await input()), ...document }, timeoutMs, signal) };
  },
});

async function readJson(path: string, signal: AbortSignal): Promise<JsonValue> {
  let text: string;
  try {
    text = await readFile(path, { encoding: 'utf8', signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'not-found' : 'error';
    throw new ProcessorFailure(reason, `${(cause as Error).message}.`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProcessorFailure('bad-content', `${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
}

/** An expression may be endless: a thread can be ended, and the executor's own goes on meanwhile. */
const EVALUATOR = `
  const { parentPort, workerData } = require('node:worker_threads');
  const jsonata = require(workerData.jsonata);
  parentPort.on('message', async ({ expression, input }) => {
    try {
      const value = await jsonata(expression).evaluate(JSON.parse(input));
      parentPort.postMessage({ json: JSON.stringify(value) ?? 'null' });
    } catch (error) {
      parentPort.postMessage({ message: error.message ?? String(error), position: error.position });
    }
  });
`;

/** What one expression may use. */
const MEMORY_MB = 512;

type Answer = { json: string } | { message: string; position?: number };

/** A thread takes 30 ms to start, so one that was used is kept for the next. */
let spare: Worker | undefined;

function takeWorker(): Worker {
  const worker = spare;
  spare = undefined;
  if (worker !== undefined) {
    worker.ref();
    return worker;
  }
  const jsonata = createRequire(import.meta.url).resolve('jsonata');
  const started = new Worker(EVALUATOR, {
    eval: true,
    workerData: { jsonata },
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  // An error outside an evaluation ends the thread, and nothing else.
  started.on('error', () => {});
  started.on('exit', () => {
    if (spare === started) spare = undefined;
  });
  return started;
}

function keepWorker(worker: Worker): void {
  if (spare === undefined) {
    spare = worker;
    // An unused thread is no reason to stay.
    worker.unref();
  } else {
    worker.terminate();
  }
}

async function evaluate(
  expression: string,
  input: unknown,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<JsonValue> {
  const worker = takeWorker();
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const tooLong = `The expression took longer than ${timeoutMs} ms.`;
  const timer = setTimeout(() => reject(new ProcessorFailure('timeout', tooLong)), timeoutMs);
  const aborted = () => reject(signal.reason);
  signal.addEventListener('abort', aborted);
  worker.on('message', resolve).on('error', reject);
  let answered = false;
  try {
    worker.postMessage({ expression, input: JSON.stringify(input) });
    const answer = await promise;
    answered = true;
    if ('json' in answer) return JSON.parse(answer.json);
    const place = answer.position === undefined ? '' : ` at character ${answer.position}`;
    throw new ProcessorFailure('bad-expression', `The expression failed${place}: ${answer.message}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error;
    throw new ProcessorFailure('out-of-memory', `The expression needs more than ${MEMORY_MB} MB of memory.`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', aborted);
    worker.off('message', resolve).off('error', reject);
    if (answered) keepWorker(worker);
    else await worker.terminate();
  }
}
