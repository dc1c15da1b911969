import fc from 'fast-check';
import type { Schema } from './schemas.ts';

/** Random requests for the operations of an OpenAPI document: some as it says, some not. */

// biome-ignore lint/suspicious/noExplicitAny: a document as a client reads it
type Any = any;

export interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** What is often right, and what is often not taken care of. */
const NAMES = [
  'latest',
  'greet',
  'a/b',
  '../../etc/passwd',
  '.',
  '..',
  '<script>alert(1)</script>',
  'a\r\nx-b: c',
];
const ODD = [
  '',
  '\0',
  '%00',
  '"',
  "';--",
  '\u{1F600}',
  '__proto__',
  'constructor',
  '-1',
  'NaN',
  '1e999',
  ' '.repeat(300),
];

const text = (known: string[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...known, ...NAMES) },
    { weight: 1, arbitrary: fc.constantFrom(...ODD) },
    { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
  );

/** A program that does nothing, and a file that holds a pipeline: what is random is not run. */
const FIXED: Record<string, fc.Arbitrary<unknown>> = {
  AdHoc: fc.record({ argv: fc.constant(['true']), workdir: fc.constantFrom('/', 'relative', '') }),
  SourceFile: fc.record({
    path: fc.constantFrom('a.yaml', '../<b>.yaml'),
    content: fc
      .constantFrom(
        'name: greet\nprocessors: { say: { run: "true" } }\n',
        'name: [',
        '\0\xff',
        '{}',
        'name: x\nprocessors: {}',
      )
      .map((yaml) => Buffer.from(yaml, 'latin1').toString('base64')),
    baseDir: fc.constantFrom('/', '', '/nowhere/<i>'),
  }),
};

function anyOf(document: Any, schema: Schema, known: string[], depth = 0): fc.Arbitrary<unknown> {
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.split('/').at(-1)!;
    return FIXED[name] ?? anyOf(document, document.components.schemas[name], known, depth + 1);
  }
  if (schema.enum !== undefined) return fc.constantFrom(...(schema.enum as string[]));
  if (schema.anyOf !== undefined)
    return fc.oneof(...(schema.anyOf as Schema[]).map((one) => anyOf(document, one, known, depth)));
  switch (schema.type) {
    case 'integer': {
      const { minimum: min = 0, maximum: max = 2 ** 31 - 1 } = schema as {
        minimum?: number;
        maximum?: number;
      };
      return fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min, max }));
    }
    case 'number':
      return fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(anyOf(document, schema.items as Schema, known, depth), { maxLength: 3 });
    case 'object':
      return objectOf(document, schema, known, depth);
    default:
      if (schema.contentEncoding === 'base64')
        return fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('base64'));
      return text(known);
  }
}

function objectOf(document: Any, schema: Schema, known: string[], depth: number): fc.Arbitrary<unknown> {
  if (schema.properties === undefined) {
    const value = anyOf(document, schema.additionalProperties as Schema, known, depth);
    return fc.dictionary(text(known), value, { maxKeys: 3 });
  }
  const entries = Object.entries(schema.properties as Record<string, Schema>);
  const groups = ((schema.allOf ?? []) as Any[]).map(({ oneOf }) =>
    oneOf.flatMap(({ required }: { required?: string[] }) => required ?? []),
  );
  const whole = fc.record(
    Object.fromEntries(
      entries.map(([name, one]) => [
        name,
        depth > 4 ? fc.constant(undefined) : anyOf(document, one, known, depth),
      ]),
    ),
    { requiredKeys: [] },
  );
  // Of those that exclude each other, one.
  return fc.tuple(whole, fc.nat()).map(([value, chosen]) => {
    const kept = groups.map((names: string[]) => names[chosen % names.length]);
    return Object.fromEntries(
      Object.entries(value).filter(
        ([name, one]) =>
          one !== undefined &&
          groups.every((names: string[], i: number) => !names.includes(name) || kept[i] === name),
      ),
    );
  });
}

/** Requests for one operation. Streams are given little time: what they watch may never end. */
export function requestsFor(
  document: Any,
  path: string,
  method: string,
  known: string[],
): fc.Arbitrary<Sent> {
  const operation = document.paths[path][method];
  const parameters = operation.parameters.filter((one: Any) => one.$ref === undefined);
  const inPath = parameters.filter((one: Any) => one.in === 'path');
  const inQuery = parameters.filter((one: Any) => one.in === 'query');
  const isStream = 'text/event-stream' in (operation.responses[200].content ?? {});
  const values = (list: Any[], constraints?: { requiredKeys: never[] }) =>
    fc.record(
      Object.fromEntries(list.map(({ name, schema }) => [name, anyOf(document, schema, known)])),
      constraints,
    );
  const body = operation.requestBody?.content['application/json'].schema;
  const right = fc
    .tuple(
      values(inPath),
      values(inQuery, { requiredKeys: [] }),
      body === undefined ? fc.constant(undefined) : anyOf(document, body, known),
      fc.boolean(),
    )
    .map(([fromPath, fromQuery, json, asEvents]): Sent => {
      const query = inQuery.flatMap(({ name, style }: Any) =>
        parametersOf(name, style, (fromQuery as Any)[name]),
      );
      return {
        method: method.toUpperCase(),
        path: fillPath(path, inPath, fromPath) + (query.length > 0 ? `?${query.join('&')}` : ''),
        headers: {
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...(isStream && { 'connect-timeout-ms': '100' }),
          ...(isStream && asEvents && { accept: 'text/event-stream' }),
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
      };
    });
  return fc.tuple(right, wrongs).map(([sent, change]) => change(sent));
}

function parametersOf(name: string, style: string, value: unknown): string[] {
  if (value === undefined) return [];
  const one = (key: string, single: unknown) =>
    `${encodeURIComponent(key)}=${encodeURIComponent(String(single))}`;
  if (Array.isArray(value)) return value.map((item) => one(name, item));
  if (style === 'deepObject')
    return Object.entries(value as object).map(([key, item]) => one(`${name}[${key}]`, item));
  return [one(name, value)];
}

function fillPath(path: string, parameters: Any[], values: Any): string {
  return parameters.reduce((filled, parameter) => {
    const parts =
      'x-parts' in parameter ? String(values[parameter.name]).split('/') : [values[parameter.name]];
    return filled.replace(`{${parameter.name}}`, () => parts.map(encodeURIComponent).join('/'));
  }, path);
}

/** Mostly as it should be; else wrong in one way. */
const wrongs: fc.Arbitrary<(sent: Sent) => Sent> = fc.oneof(
  { weight: 12, arbitrary: fc.constant((sent: Sent) => sent) },
  ...[
    (sent: Sent) => ({ ...sent, path: `${sent.path}${sent.path.includes('?') ? '&' : '?'}nobody=1` }),
    (sent: Sent) => ({ ...sent, path: sent.path.replaceAll(/=[^&]*/g, '=%ff[]{}') }),
    (sent: Sent) => ({ ...sent, path: `${sent.path}%` }),
    (sent: Sent) => ({ ...sent, headers: { ...sent.headers, 'connect-timeout-ms': 'soon' } }),
    (sent: Sent) => ({ ...sent, headers: { ...sent.headers, 'last-event-id': '<b>' } }),
    (sent: Sent) => ({ ...sent, headers: { ...sent.headers, 'content-type': 'text/html' } }),
    (sent: Sent) => ({ ...sent, ...(sent.body !== undefined && { body: sent.body.slice(1) }) }),
    (sent: Sent) => ({ ...sent, ...(sent.body !== undefined && { body: '[{"__proto__":1}]' }) }),
    (sent: Sent) => ({
      ...sent,
      ...(sent.body !== undefined && { body: sent.body.replaceAll(/:[^,{]+/g, ':{"a":[]}') }),
    }),
    (sent: Sent) => ({ ...sent, ...(sent.body !== undefined && { body: `${'['.repeat(5_000)}` }) }),
  ].map((arbitrary) => ({ weight: 1, arbitrary: fc.constant(arbitrary) })),
);
