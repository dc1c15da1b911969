import { fromJson, type JsonObject, type JsonValue, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { JSON_OPTIONS } from '../json.ts';
import { fieldNamed, putQuery } from './query.ts';
import type { Route } from './route.ts';

/**
 * The request message of a method from the parts of an HTTP request. Unknown names are errors: one that is not noticed is an
 * option that does not hold. Throws ConnectError invalid_argument.
 */
export function bindRequest(
  { method, body: bodyField, template }: Route,
  values: readonly string[],
  query: URLSearchParams,
  body: Buffer,
): Message {
  const json: JsonObject = {};
  if (bodyField === '*') {
    if (query.size > 0) throw wrong('All of this request goes into its body, nothing into the query.');
    const whole = parseJson(body) ?? {};
    if (typeof whole !== 'object' || whole === null || Array.isArray(whole))
      throw wrong('The body is no JSON object.');
    for (const [name, value] of Object.entries(whole)) {
      // What is in the path is not said twice.
      if (template.variables.some((path) => isNameOf(path, name)))
        throw wrong(`"${name}" is in the path already.`);
      Object.defineProperty(json, name, { value, enumerable: true, configurable: true, writable: true });
    }
  } else {
    if (bodyField !== '') {
      const value = parseJson(body);
      if (value !== undefined) json[fieldNamed(method.input, bodyField, bodyField).jsonName] = value;
    } else if (body.length > 0) throw wrong('This request has no body.');
    putQuery(method.input, json, query);
  }
  template.variables.forEach((path, i) => {
    const field = fieldNamed(method.input, path, path);
    if (field.jsonName in json) throw wrong(`"${path}" is in the path already.`);
    json[field.jsonName] = values[i]!;
  });
  try {
    return fromJson(method.input, json, JSON_OPTIONS);
  } catch (error) {
    throw wrong(`${(error as Error).message}.`);
  }
}

function isNameOf(path: string, name: string): boolean {
  return name === path || name === path.replaceAll(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
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
