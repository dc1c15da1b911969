import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { pipelineJsonSchema } from './json-schema.ts';
import { parsePipelines } from './parse.ts';

interface Schema {
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | false;
  anyOf?: Schema[];
  items?: Schema;
  oneOf?: unknown;
  not?: unknown;
  dependentRequired?: unknown;
  dependentSchemas?: object;
}

const SCHEMA = pipelineJsonSchema() as Schema;
const DOCS = readFileSync(new URL('../../docs/pipeline.md', import.meta.url), 'utf8');
const EVERY_KEY = readFileSync(new URL('fixtures/every-key.yaml', import.meta.url), 'utf8');

const mapOf = (schema: Schema) =>
  schema.properties ? schema : schema.anyOf!.find((one) => one.properties ?? one.additionalProperties)!;
const itemOf = (schema: Schema) => schema.items!;
const processor = SCHEMA.properties!.processors!.additionalProperties as Schema;
const retries = mapOf(processor.properties!.retries!);
const SECTIONS: Record<string, Schema> = {
  'Keys of the pipeline': SCHEMA,
  'Keys of a processor': processor,
  'Keys of defaults': SCHEMA.properties!.defaults!,
  'Keys of retries': retries,
  'Keys of backoff': retries.properties!.backoff!,
  'Keys of cache': mapOf(processor.properties!.cache!),
  'Keys of secrets': mapOf(SCHEMA.properties!.secrets!).additionalProperties as Schema,
  'Keys of outputs': SCHEMA.properties!.outputs!,
  'Keys of records': mapOf(SCHEMA.properties!.outputs!.properties!.records!),
  'Keys of hooks': itemOf(SCHEMA.properties!.hooks!),
  'Keys of webhook': itemOf(SCHEMA.properties!.hooks!).properties!.webhook!,
  'Keys of triggers': itemOf(SCHEMA.properties!.triggers!),
  'Keys of schedule': mapOf(itemOf(SCHEMA.properties!.triggers!).properties!.schedule!),
  Params: mapOf(SCHEMA.properties!.params!.additionalProperties as Schema),
};

test('every map of keys is closed, and every key tells what it is', () => {
  for (const [section, schema] of Object.entries(SECTIONS)) {
    assert.equal(schema.additionalProperties, false, section);
    for (const [key, { description }] of Object.entries(schema.properties!)) {
      assert(description, `${section}: ${key}`);
    }
  }
});

test('the JSON Schema takes what the file may be, and refuses what it may not', () => {
  // z.fromJSONSchema does not read the rules about keys that go together; they are looked at below.
  const together = ['oneOf', 'not', 'dependentRequired', 'dependentSchemas'];
  const text = JSON.stringify(SCHEMA, (key, value) => (together.includes(key) ? undefined : value));
  const schema = z.fromJSONSchema(JSON.parse(text));
  assert(schema.safeParse(parseYaml(EVERY_KEY)).success);
  const wrong: unknown[] = [
    {},
    { name: 'x', processors: { a: { run: 'x', need: 'b' } } },
    { name: 'x', processors: { a: { run: 'x', timeout: 10 } } },
    { name: 'x', processors: { a: { run: 'x', grace: 'none' } } },
    { name: 'a b', processors: { a: { run: 'x' } } },
    { name: 'x', processors: { 'a b': { run: 'x' } } },
    { name: 'x', processors: { a: { run: 'x' } }, steps: [] },
    { name: 'x', processors: { a: { run: 'x', each: 'outputs.list' } } },
    { name: 'x', processors: { a: { run: 'x', cache: { input: 'x' } } } },
    { name: 'x', processors: { a: { run: 'x' } }, secrets: { 'a b': { env: 'X' } } },
    { name: 'x', processors: { a: { run: 'x' } }, hooks: [{ on: 'run.ended', run: 'x' }] },
    { name: 'x', processors: { a: { run: 'x' } }, triggers: [{ schedule: { every: 5 } }] },
    { name: 'x', processors: { a: { run: 'x' } }, outputs: { records: { table: 'T', rows: 'x' } } },
  ];
  for (const file of wrong) assert(!schema.safeParse(file).success, JSON.stringify(file));
  assert.deepEqual(processor.oneOf, [
    { required: ['run'] },
    { required: ['program'] },
    { required: ['uses'] },
  ]);
  assert.deepEqual(processor.dependentRequired, { shell: ['run'], with: ['uses'], rule: ['needs'] });
  assert.deepEqual(processor.not, { required: ['each', 'matrix'] });
  assert.deepEqual(Object.keys(processor.dependentSchemas!), ['width', 'failFast', 'data']);
});

test('the fixture uses every key', () => {
  const used = new Set(Array.from(EVERY_KEY.matchAll(/([A-Za-z]+):/g), ([, key]) => key));
  for (const { properties } of Object.values(SECTIONS)) {
    for (const key of Object.keys(properties!)) assert(used.has(key), key);
  }
});

test('docs/pipeline.md has every key of the schema, with its default, and no other', () => {
  for (const [section, schema] of Object.entries(SECTIONS)) {
    const text = DOCS.split(new RegExp(`\n###? ${section}\n`))[1]?.split(/\n###? /)[0];
    assert(text, `docs/pipeline.md has no section "${section}"`);
    const rows = Array.from(text.matchAll(/^\| `(\w+)` \| (.*?) ?\|/gm), ([, key, value]) => [key!, value!]);
    assert.deepEqual(
      rows.map(([key]) => key),
      Object.keys(schema.properties!),
      section,
    );
    for (const [key, written] of rows) {
      const { default: value } = schema.properties![key!]!;
      const plain = typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
      const required = schema.required?.includes(key!);
      const expected = required ? 'required' : value === undefined ? '' : `\`${plain}\``;
      assert.equal(written, expected, `${section}: ${key}`);
    }
  }
});

test('every pipeline in docs/pipeline.md is right', async () => {
  const blocks = Array.from(DOCS.matchAll(/^```yaml\n(.*?)^```/gms), ([, text]) => text!);
  assert(blocks.length > 3);
  for (const [index, text] of blocks.entries()) {
    const content = new TextEncoder().encode(text);
    await parsePipelines([{ path: `block ${index + 1}`, content, baseDir: '/' }]);
  }
});
