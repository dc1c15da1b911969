import assert from 'node:assert/strict';
import { parse as parseYaml } from 'yaml';
import type { CallType } from './calls.ts';
import { checkExpressions } from './check-expressions.ts';
import { nearestFinder } from './nearest.ts';

const CATALOGUE: CallType[] = [
  {
    name: 'http',
    optionsSchemaJson: '{"type":"object"}',
    outputSchemaJson: JSON.stringify({
      type: 'object',
      properties: {
        status: { type: 'integer' },
        headers: { type: 'object', additionalProperties: { type: 'string' } },
        json: {},
      },
    }),
  },
  {
    name: 'glob',
    optionsSchemaJson: '{"type":"object"}',
    outputSchemaJson: JSON.stringify({
      type: 'object',
      properties: { files: { type: 'array', items: { type: 'string' } }, count: { type: 'integer' } },
    }),
  },
];

export const PIPELINE = `
name: x
params:
  width: { type: number, default: 4 }
  count: { type: integer, default: 4 }
  name: hello
  flag: false
  list: { type: json, default: [1] }
  api-url: http://x
context: { TEAM: a }
secrets: { TOKEN: { env: X }, KEY: { env: Y } }
processors:
  text: { run: x, data: text }
  lines: { run: x, data: lines }
  raw: { run: x, data: bytes }
  free: { run: x }
  written: { run: echo a=1 > $WIZ_OUTPUT, data: text }
  get: { uses: http }
  find: { uses: glob }
  later: { needs: here, run: x }
  apart: { run: x }
  parse-all: { run: x }
  many: { needs: text, each: "\${{ outputs.text.lines }}", run: x, data: text }
  pairs: { needs: find, matrix: { size: [1, 2], file: "\${{ outputs.find.files }}" }, run: x }
  entries: { each: "\${{ run }}", run: x }
  here:
    needs: [text, lines, raw, free, written, get, find, parse-all, many]
    with: HERE
    run: RUN
`;

export function complaintsOf(
  change: (pipeline: { processors: Record<string, Record<string, unknown>> }) => void,
): string[] {
  const pipeline = parseYaml(PIPELINE);
  change(pipeline);
  return checkExpressions(pipeline, nearestFinder(), CATALOGUE).map(
    ({ message, hint }) => `${message}${hint === '' ? '' : `: ${hint}`}`,
  );
}

/** In an option of the processor "here". */
export function inHere(source: string): string[] {
  return complaintsOf(({ processors }) => {
    processors.here!.with = { a: [`x \${{ ${source} }}`] };
  });
}

export function inKey(processor: string, key: string, value: unknown): string[] {
  return complaintsOf(({ processors }) => {
    processors[processor]![key] = value;
  });
}

export function right(...sources: string[]): void {
  for (const source of sources) assert.deepEqual(inHere(source), [], source);
}

export function wrong(source: string, ...messages: RegExp[]): void {
  const complaints = inHere(source);
  assert.equal(complaints.length, messages.length, `${source}: ${complaints.join(' | ')}`);
  for (const [index, message] of messages.entries()) assert.match(complaints[index]!, message);
}
