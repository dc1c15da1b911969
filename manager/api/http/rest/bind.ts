import { fromJson, type JsonObject, type JsonValue, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { JSON_OPTIONS } from '../json.ts';
import { putQuery } from './query.ts';
import type { Route } from './route.ts';

/**
 * The request message of a method from the parts of an HTTP request. Unknown names are errors: one that is not noticed is an
 * option that does not hold. Throws ConnectError invalid_argument.
 */
export function bindRequest(
  { method, body: bodyName, bodyField, template, fields }: Route,
  values: readonly string[],
  query: URLSearchParams,
  body: Buffer,
): Message {
  const json: JsonObject = {};
  if (bodyName === '*') {
    if (query.size > 0) throw wrong('All of this request goes into its body, nothing into the query.');
    const whole = parseJson(body) ?? {};
    if (typeof whole !== 'object' || whole === null || Array.isArray(whole))
      throw wrong('The body is no JSON object.');
    for (const [name, value] of Object.entries(whole)) {
      // What is in the path is not said twice.
      if (fields.some((field) => name === field.name || name === field.jsonName))
        throw wrong(`"${name}" is in the path already.`);
      Object.defineProperty(json, name, { value, enumerable: true, configurable: true, writable: true });
    }
  } else {
    if (bodyField !== undefined) {
      const value = parseJson(body);
      if (value !== undefined) json[bodyField.jsonName] = value;
    } else if (body.length > 0) throw wrong('This request has no body.');
    putQuery(method.input, json, query);
  }
  fields.forEach(({ jsonName }, i) => {
    if (jsonName in json) throw wrong(`"${template.variables[i]}" is in the path already.`);
    json[jsonName] = values[i]!;
  });
  try {
    return fromJson(method.input, json, JSON_OPTIONS);
  } catch (error) {
    throw wrong(`${(error as Error).message}.`);
  }
}

function parseJson(body: Buffer): JsonValue | undefined {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as JsonValue;
  } catch (error) {
    throw wrong(`The body is no JSON: ${(error as Error).message}.`);
  }
}

function wrong(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
