/** What is known of values before there are any; `any` fits everything. */
export type Type =
  | { kind: 'any' | 'text' | 'boolean' | 'integer' | 'number' | 'null' | 'secret' }
  | { kind: 'list'; items: Type }
  /** Without `others` it has no more fields than these. */
  | { kind: 'map'; fields: Readonly<Record<string, Type>>; others?: Type };

export const ANY: Type = { kind: 'any' };
export const TEXT: Type = { kind: 'text' };
export const BOOLEAN: Type = { kind: 'boolean' };
export const INTEGER: Type = { kind: 'integer' };
export const NUMBER: Type = { kind: 'number' };
export const NULL: Type = { kind: 'null' };
export const SECRET: Type = { kind: 'secret' };

export function listOf(items: Type): Type {
  return { kind: 'list', items };
}

export function mapOfType(others: Type): Type {
  return { kind: 'map', fields: {}, others };
}

export function record(fields: Record<string, Type>): Type {
  return { kind: 'map', fields };
}

export const TEXT_OUTPUT = record({ text: TEXT, lines: listOf(TEXT) });
export const BYTES_OUTPUT = record({ base64: TEXT, mediaType: TEXT });
export const FILE = record({
  name: TEXT,
  hash: TEXT,
  size: INTEGER,
  folder: BOOLEAN,
  mediaType: TEXT,
  path: TEXT,
});
export const RUN = record({ id: TEXT, pipeline: TEXT, date: TEXT, time: TEXT, datetime: TEXT });

/** In words. */
export function typePhrase({ kind }: Type): string {
  switch (kind) {
    case 'text':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'integer':
      return 'a whole number';
    case 'number':
      return 'a number';
    case 'null':
      return 'null';
    case 'secret':
      return 'a secret';
    case 'list':
      return 'a list';
    case 'map':
      return 'a map';
    case 'any':
      return 'anything';
  }
}

type Schema = {
  type?: unknown;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  items?: Schema;
};

/** The type of what a JSON Schema describes. One that lists properties has no others, unless it says so. */
export function typeOfSchema(schema: unknown): Type {
  const { type, properties, additionalProperties, items } = (schema ?? {}) as Schema;
  switch (type) {
    case 'string':
      return TEXT;
    case 'boolean':
    case 'integer':
    case 'number':
    case 'null':
      return { kind: type };
    case 'array':
      return listOf(typeOfSchema(items));
    case 'object': {
      const fields = Object.entries(properties ?? {}).map(([name, field]) => [name, typeOfSchema(field)]);
      const isOpen = additionalProperties === true || properties === undefined;
      const others = typeof additionalProperties === 'object' ? typeOfSchema(additionalProperties) : ANY;
      const isClosed = !isOpen && typeof additionalProperties !== 'object';
      return { kind: 'map', fields: Object.fromEntries(fields), ...(isClosed ? {} : { others }) };
    }
    default:
      return ANY;
  }
}

/** The type of a value as it stands in a file; texts with expressions can become anything. */
export function typeOfValue(value: unknown): Type {
  if (typeof value === 'string') return value.includes('${') ? ANY : TEXT;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? INTEGER : NUMBER;
  if (typeof value === 'boolean') return BOOLEAN;
  if (Array.isArray(value)) return listOf(joined(value.map(typeOfValue)));
  return ANY;
}

/** The one type of all, or any. */
export function joined(types: readonly Type[]): Type {
  const [first = ANY, ...rest] = types;
  return rest.every((type) => JSON.stringify(type) === JSON.stringify(first)) ? first : ANY;
}
