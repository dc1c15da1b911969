import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { WizError } from '../../proto/error.ts';
import { CATALOGUE, errorsOf } from './fixtures/refusals.ts';
import { parsePipelines } from './parse.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

describe('whatever is in a file', () => {
  const fragment = fc.constantFrom(
    ...[
      'name',
      'processors',
      'run',
      'needs',
      'uses',
      'with',
      'params',
      'default',
      'retries',
      'a',
      'b',
      '1',
      '.nan',
    ],
    ...[
      ': ',
      ':\n  ',
      '\n',
      '\n  ',
      '\n    ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ', ',
      '"',
      "'",
      '|\n   ',
      '>\n  ',
      '# ',
      '\t',
    ],
    ...[
      '&a ',
      '*a',
      '<<: *a',
      '? ',
      '!!str ',
      '!x ',
      '---\n',
      '...\n',
      '%YAML 1.1\n',
      '${',
      '${{',
      '}}',
      '$${',
      '\\',
      '~',
    ],
  );

  test('it is a spec or a WizError with places inside the file', async () => {
    const texts = fc.oneof(
      fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join('')),
      fc
        .array(fragment, { maxLength: 20 })
        .map((parts) => `name: x\nprocessors:\n  a:\n    ${parts.join('')}`),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    await checkPlaces('<<: *a$${|\n   ---\n---\n}}? ');
    await fc.assert(fc.asyncProperty(texts, checkPlaces), { numRuns: 1500 });
  });

  test('any JSON in place of any key', async () => {
    const key = fc.constantFrom(
      'params',
      'context',
      'labels',
      'defaults',
      'processors',
      'workdir',
      'concurrency',
      'secrets',
      'cache',
      'outputs',
      'timeZone',
    );
    const inner = fc.constantFrom(
      'run',
      'program',
      'needs',
      'env',
      'with',
      'retries',
      'timeout',
      'uses',
      'shell',
      'each',
      'matrix',
      'when',
      'cache',
      'secrets',
      'data',
    );
    const value = fc.jsonValue({ maxDepth: 3 });
    const pipeline = fc
      .tuple(fc.dictionary(key, value), fc.dictionary(inner, value))
      .map(([outer, processor]) => JSON.stringify({ name: 'x', processors: { a: processor }, ...outer }));
    await fc.assert(fc.asyncProperty(pipeline, checkPlaces), { numRuns: 500 });
  });

  test('any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 80 }),
        async (bytes) => void (await errorsOf(bytes, CATALOGUE)),
      ),
    );
  });

  async function checkPlaces(text: string): Promise<void> {
    const content = new TextEncoder().encode(text);
    const lines = new TextDecoder().decode(content).split('\n');
    try {
      await parsePipelines([{ path: 'p.yaml', content, baseDir: '/' }], CATALOGUE);
    } catch (error) {
      assert(error instanceof WizError, `not a WizError: ${(error as Error).stack}`);
      assert(error.diagnostics.length > 0);
      for (const { line, column } of error.diagnostics) {
        if (line === 0) continue;
        assert(line <= lines.length, `line ${line} of ${lines.length}`);
        assert(column >= 1 && column <= lines[line - 1]!.length + 1, `column ${column} of line ${line}`);
      }
    }
  }
});
