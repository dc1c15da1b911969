import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';

/** A JSON Schema (2020-12), as OpenAPI 3.1 has them. */
export type Schema = Record<string, unknown>;

/** Protobuf's JSON mapping, as schemas. What is not set is not there, so that nothing is required. */
export interface Schemas {
  ofMessage(message: DescMessage): Schema;
  ofField(field: DescField): Schema;
  /** All that were referred to, by name. */
  readonly components: Record<string, Schema>;
}

const ANY = 'google.protobuf.Any';

export function createSchemas(comments: Record<string, string>): Schemas {
  const components: Record<string, Schema> = {};

  /** Referred to by its full name without the package of ours. */
  function referTo(typeName: string, make: () => Schema): Schema {
    const name = typeName.replace(/^wiz\.v1\./, '');
    if (!(name in components)) {
      // There before it is made: messages may hold themselves.
      components[name] = {};
      components[name] = make();
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  function ofMessage(message: DescMessage): Schema {
    if (message.typeName === ANY) return referTo(ANY, anySchema);
    return referTo(message.typeName, () => ({
      ...described(message.typeName),
      ...objectSchema(message, message.fields),
    }));
  }

  function objectSchema(message: DescMessage, fields: readonly DescField[]): Schema {
    const groups = message.oneofs
      .map((oneof) => oneof.fields.filter((field) => fields.includes(field)).map(({ jsonName }) => jsonName))
      .filter((names) => names.length > 1);
    return {
      type: 'object',
      properties: Object.fromEntries(fields.map((field) => [field.jsonName, ofField(field)])),
      additionalProperties: false,
      ...(groups.length > 0 && { allOf: groups.map(atMostOne) }),
    };
  }

  function ofField(field: DescField): Schema {
    return { ...schemaOf(field), ...described(`${field.parent.typeName}.${field.name}`) };
  }

  function schemaOf(field: DescField): Schema {
    switch (field.fieldKind) {
      case 'scalar':
        return scalarSchema(field.scalar);
      case 'enum':
        return ofEnum(field.enum);
      case 'message':
        return ofMessage(field.message);
      case 'list':
        return { type: 'array', items: valueSchema(field) };
      case 'map':
        return { type: 'object', additionalProperties: valueSchema(field) };
    }
  }

  function valueSchema(field: DescField & { fieldKind: 'list' | 'map' }): Schema {
    if (field.message !== undefined) return ofMessage(field.message);
    return field.enum !== undefined ? ofEnum(field.enum) : scalarSchema(field.scalar);
  }

  function ofEnum(one: DescEnum): Schema {
    return referTo(one.typeName, () => {
      const values = one.values
        .map(({ name }) => [name, comments[`${one.typeName}.${name}`]])
        .filter(([, text]) => text !== undefined)
        .map(([name, text]) => `\`${name}\`: ${text}`);
      const description = [comments[one.typeName], ...values].filter(Boolean).join('\n\n');
      return {
        type: 'string',
        enum: one.values.map(({ name }) => name),
        ...(description !== '' && { description }),
      };
    });
  }

  function described(name: string): Schema {
    const description = comments[name];
    return description === undefined ? {} : { description };
  }

  return { components, ofMessage, ofField };
}

/** A message without the fields that are said elsewhere. */
export function withoutFields(whole: Schema, names: readonly string[]): Schema {
  const properties = Object.entries(whole.properties as Record<string, Schema>);
  return { ...whole, properties: Object.fromEntries(properties.filter(([name]) => !names.includes(name))) };
}

function atMostOne(names: string[]): Schema {
  const each = names.map((name) => ({ required: [name] }));
  return { oneOf: [...each, { not: { anyOf: each } }] };
}

/** Largest numbers of 32 bits. */
const INT32 = 2 ** 31 - 1;
const UINT32 = 2 ** 32 - 1;

function scalarSchema(type: ScalarType | undefined): Schema {
  switch (type) {
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { anyOf: [{ type: 'number' }, { type: 'string', enum: ['NaN', 'Infinity', '-Infinity'] }] };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer', format: 'int32', minimum: -INT32 - 1, maximum: INT32 };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', minimum: 0, maximum: UINT32 };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { type: 'string', format: 'int64', pattern: '^-?[0-9]+$' };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: 'string', format: 'uint64', pattern: '^[0-9]+$' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    default:
      return { type: 'string' };
  }
}

function anySchema(): Schema {
  return {
    type: 'object',
    description:
      'A message that a program has handed on. JSON tells its type; what is in it, the binary forms of the API.',
    properties: { '@type': { type: 'string' } },
    additionalProperties: true,
  };
}
