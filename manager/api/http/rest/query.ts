import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { didYouMean, nearest } from '../../../spec/nearest.ts';

/**
 * Fields of a request as query parameters: `page_size=5` or `pageSize=5`, `start.version=2` in a message, `states=A&states=B`
 * for a list, `params[NAME]=value` for a map. They are put into the request as JSON, which checks the values.
 */
export function putQuery(schema: DescMessage, target: JsonObject, query: URLSearchParams): void {
  for (const name of new Set(query.keys())) putParameter(schema, target, name, query.getAll(name));
}

function putParameter(schema: DescMessage, target: JsonObject, name: string, values: string[]): void {
  const entry = /^([^[\]]+)\[(.*)\]$/s.exec(name);
  const path = (entry?.[1] ?? name).split('.');
  let message = schema;
  let object = target;
  for (const part of path.slice(0, -1)) {
    const field = fieldNamed(message, part, name);
    if (field.fieldKind !== 'message') throw unknown(name, message);
    message = field.message;
    object[field.jsonName] ??= {};
    object = object[field.jsonName] as JsonObject;
  }
  const field = fieldNamed(message, path.at(-1)!, name);
  if ((field.fieldKind === 'map') !== (entry !== null)) {
    const form = field.fieldKind === 'map' ? `${field.jsonName}[KEY]=VALUE` : `${field.jsonName}=VALUE`;
    throw wrong(`The query parameter "${name}" is written ${form}.`);
  }
  if (field.fieldKind === 'list') {
    object[field.jsonName] = values.map((value) => jsonOf(field, value, name));
    return;
  }
  if (values.length > 1) throw wrong(`The query parameter "${name}" is given more than once.`);
  if (field.fieldKind === 'map') {
    // Not by assignment: a key may be __proto__.
    const map = new Map(Object.entries((object[field.jsonName] ?? {}) as JsonObject));
    map.set(entry![2]!, jsonOf(field, values[0]!, name));
    object[field.jsonName] = Object.fromEntries(map);
    return;
  }
  if (field.jsonName in object) throw wrong(`The query parameter "${name}" is given already.`);
  object[field.jsonName] = jsonOf(field, values[0]!, name);
}

/** A field by its name in the proto or in JSON. Throws ConnectError invalid_argument. */
export function fieldNamed(schema: DescMessage, part: string, name: string): DescField {
  const field = schema.fields.find((one) => one.name === part || one.jsonName === part);
  if (field === undefined) throw unknown(name, schema);
  return field;
}

function unknown(name: string, schema: DescMessage): ConnectError {
  const near = nearest(
    name,
    schema.fields.flatMap((field) => [field.jsonName, field.name]),
  );
  return wrong(`There is no query parameter "${name}". ${didYouMean(near)}`.trim());
}

function wrong(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}

function jsonOf(field: DescField, text: string, name: string): JsonValue {
  const [kind, scalar] = kindOf(field);
  if (kind === 'message') throw wrong(`"${name}" is no single value, and goes into a body.`);
  if (kind === 'enum') return /^-?\d+$/.test(text) ? Number(text) : text;
  if (scalar !== ScalarType.BOOL) return text;
  if (text === 'true' || text === 'false') return text === 'true';
  throw wrong(`The query parameter "${name}" is true or false.`);
}

function kindOf(field: DescField): ['scalar' | 'enum' | 'message', ScalarType | undefined] {
  if (field.fieldKind === 'list') return [field.listKind, field.scalar];
  if (field.fieldKind === 'map') return [field.mapKind, field.scalar];
  return [field.fieldKind, field.scalar];
}
