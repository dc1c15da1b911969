import { type DescField, type DescMessage, getOption } from '@bufbuild/protobuf';
import { Role, role } from '../../../../proto/gen/wiz/v1/options_pb.js';
import { RunService } from '../../../../proto/gen/wiz/v1/runs_pb.js';
import { MAX_TIMEOUT_MS } from '../limits.ts';
import type { Route } from '../rest/route.ts';
import { type Schema, type Schemas, withoutFields } from './schemas.ts';

/** What can go wrong with any call, by status; the codes are those of the error. */
export const ERRORS: Record<number, string> = {
  400: 'invalid_argument, failed_precondition or out_of_range: the request is wrong, or comes at the wrong time.',
  401: 'unauthenticated: no credential, or one that does not hold.',
  403: 'permission_denied: the credential is of somebody who may not.',
  404: 'not_found: what was named does not exist.',
  409: 'already_exists or aborted: somebody else was first.',
  413: 'resource_exhausted: the body is too large.',
  429: 'resource_exhausted: a limit is reached, or something is full.',
  500: 'internal or unknown: our fault.',
  501: 'unimplemented: this manager does not do that.',
  503: 'unavailable: something that is needed cannot be reached now. Try again.',
  504: 'deadline_exceeded: not done by the deadline of the request.',
};

const ROLES: Record<Role, string> = {
  [Role.UNSPECIFIED]: 'nobody',
  [Role.ANYONE]: 'anyone',
  [Role.VIEWER]: 'viewer',
  [Role.OPERATOR]: 'operator',
  [Role.ADMIN]: 'admin',
};

/** One operation of OpenAPI. */
export function operationOf(route: Route, schemas: Schemas, comments: Record<string, string>): Schema {
  const { method } = route;
  const description = comments[`${method.parent.typeName}.${method.name}`] ?? '';
  const least = getOption(method, role);
  const isStream = method.methodKind === 'server_streaming';
  const body = bodyOf(route, schemas);
  return {
    operationId: `${method.parent.name}_${method.name}${route.isMain ? '' : '_2'}`,
    tags: [method.parent.name],
    summary: firstSentence(description) || words(method.name),
    ...(description !== '' && { description }),
    parameters: [...pathParameters(route, schemas), ...queryParameters(route, schemas), ...headers(route)],
    ...(body !== undefined && {
      requestBody: { required: route.body !== '*', content: { 'application/json': { schema: body } } },
    }),
    responses: {
      ...(isStream ? streamResponses(route, schemas) : unaryResponse(route, schemas)),
      ...Object.fromEntries(
        Object.keys(ERRORS).map((status) => [status, { $ref: `#/components/responses/${status}` }]),
      ),
    },
    security:
      least === Role.ANYONE ? [] : [{ bearer: [] }, { basic: [] }, ...(isStream ? [{ query: [] }] : [])],
    'x-role': ROLES[least],
  };
}

function unaryResponse({ method }: Route, schemas: Schemas): Schema {
  const schema = schemas.ofMessage(method.output);
  return { 200: { description: 'The answer.', content: { 'application/json': { schema } } } };
}

/** OpenAPI 3.1 has no word for a sequence: a line, or the data of an event, is JSON of `contentSchema`. */
function streamResponses({ method, content }: Route, schemas: Schemas): Schema {
  if (content !== '') {
    const type = content === 'json' ? 'application/json' : 'application/octet-stream';
    return { 200: { description: 'The content.', content: { [type]: {} } } };
  }
  const item = { contentMediaType: 'application/json', contentSchema: schemas.ofMessage(method.output) };
  const lines = 'One message a line. When an error ends it, the last line is `{"error": …}`.';
  const events = 'One message an event. The last is `end`, with `{}`, or `error`, with the error.';
  return {
    200: {
      description: 'Messages, as they come. Which form is for `Accept` to say.',
      content: {
        'application/x-ndjson': { schema: { type: 'string', description: lines, ...item } },
        'text/event-stream': { schema: { type: 'string', description: events, ...item } },
      },
    },
    204: { description: 'Nothing has happened after `Last-Event-ID`, and nothing will.' },
  };
}

function bodyOf({ method, body, template }: Route, schemas: Schemas): Schema | undefined {
  if (body === '') return undefined;
  if (body !== '*') return schemas.ofField(fieldAt(method.input, body));
  const whole = schemas.ofMessage(method.input);
  if (template.variables.length === 0) return whole;
  const names = template.variables.map((path) => fieldAt(method.input, path).jsonName);
  const name = (whole.$ref as string).split('/').at(-1)!;
  return withoutFields(schemas.components[name]!, names);
}

function pathParameters({ method, template }: Route, schemas: Schemas): Schema[] {
  return template.variables.map((path) => ({
    name: path,
    in: 'path',
    required: true,
    ...parameter(schemas.ofField(fieldAt(method.input, path))),
    ...(template.manyParts.includes(path) && {
      'x-parts': 'It may be several parts of a path, with / between them.',
    }),
  }));
}

function queryParameters({ method, body, template }: Route, schemas: Schemas): Schema[] {
  if (body === '*') return [];
  const said = [...template.variables, body];
  return method.input.fields
    .filter(({ name }) => !said.includes(name))
    .flatMap((field) => queryOf(field, '', schemas, new Set()));
}

/** Fields of messages by their path; what holds itself, or is a list of messages, does not fit into a query. */
function queryOf(field: DescField, prefix: string, schemas: Schemas, above: Set<DescMessage>): Schema[] {
  const name = `${prefix}${field.jsonName}`;
  if (field.fieldKind === 'message') {
    if (above.has(field.message)) return [];
    const within = new Set(above).add(field.message);
    return field.message.fields.flatMap((one) => queryOf(one, `${name}.`, schemas, within));
  }
  if ((field.fieldKind === 'list' || field.fieldKind === 'map') && field.message !== undefined) return [];
  const form =
    field.fieldKind === 'map'
      ? { style: 'deepObject', explode: true }
      : field.fieldKind === 'list' && { style: 'form', explode: true };
  return [{ name, in: 'query', ...form, ...parameter(schemas.ofField(field)) }];
}

/** The description stands beside the schema, where readers look for it. */
function parameter({ description, ...schema }: Schema): Schema {
  return { ...(description !== undefined && { description }), schema };
}

export const PARAMETERS: Record<string, Schema> = {
  deadline: {
    name: 'connect-timeout-ms',
    in: 'header',
    description: 'Milliseconds that the call may take.',
    schema: { type: 'integer', minimum: 0, maximum: MAX_TIMEOUT_MS },
  },
  lastEventId: {
    name: 'last-event-id',
    in: 'header',
    description: 'The id of the last event that was seen: the stream goes on after it.',
    schema: { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 },
  },
};

function headers({ method }: Route): Schema[] {
  const names = method === RunService.method.watchRun ? ['deadline', 'lastEventId'] : ['deadline'];
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function fieldAt(message: DescMessage, name: string): DescField {
  return message.fields.find((field) => field.name === name)!;
}

function firstSentence(text: string): string {
  return /^(.*?[.:])(?:\s|$)/s.exec(text)?.[1]?.replace(/[.:]$/, '') ?? text;
}

function words(name: string): string {
  return name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
