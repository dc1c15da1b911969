import { WIZ_VERSION } from '../../../../proto/version.ts';
import type { Route } from '../rest/route.ts';
import { ERRORS, operationOf, PARAMETERS } from './operation.ts';
import { createSchemas, type Schema } from './schemas.ts';

const DESCRIPTION = `The API of a wiz manager over HTTP. The same port answers gRPC, gRPC-Web and Connect, whose services and
messages these paths are made from.

Messages are JSON by protobuf's mapping: names in camelCase, numbers of 64 bits and bytes (base64) as strings, enums by name,
and what has its default value is left out. Unknown names are errors.`;

/** The OpenAPI document of all routes: made from the same descriptors that answer. */
export function openApiDocument(routes: readonly Route[], comments: Record<string, string>): Schema {
  const schemas = createSchemas(comments);
  const paths: Record<string, Schema> = {};
  for (const route of [...routes].sort((a, b) => (a.template.plain < b.template.plain ? -1 : 1))) {
    paths[route.template.plain] ??= {};
    paths[route.template.plain]![route.httpMethod.toLowerCase()] = operationOf(route, schemas, comments);
  }
  const services = new Set(routes.map(({ method }) => method.parent));
  return {
    openapi: '3.1.0',
    info: {
      title: 'wiz',
      version: WIZ_VERSION,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...services].map(({ name, typeName }) => ({ name, description: comments[typeName] ?? name })),
    paths,
    components: {
      schemas: { ...sorted(schemas.components), Error: ERROR },
      parameters: PARAMETERS,
      responses: Object.fromEntries(
        Object.entries(ERRORS).map(([status, description]) => [
          status,
          {
            description,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        ]),
      ),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token of wiz, or of the OIDC provider.' },
        basic: { type: 'http', scheme: 'basic' },
        query: {
          type: 'apiKey',
          in: 'query',
          name: 'access_token',
          description: 'For pages whose EventSource can send no headers.',
        },
      },
    },
  };
}

/** As Connect writes errors. */
const ERROR: Schema = {
  type: 'object',
  description: 'What went wrong, where, and what to do.',
  properties: {
    code: {
      type: 'string',
      enum: [
        'canceled',
        'unknown',
        'invalid_argument',
        'deadline_exceeded',
        'not_found',
        'already_exists',
        'permission_denied',
        'resource_exhausted',
        'failed_precondition',
        'aborted',
        'out_of_range',
        'unimplemented',
        'internal',
        'unavailable',
        'data_loss',
        'unauthenticated',
      ],
    },
    message: { type: 'string' },
    details: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          type: { type: 'string', description: 'Name of a message, for example wiz.v1.Diagnostics.' },
          value: { type: 'string', contentEncoding: 'base64', description: 'The message in binary.' },
          debug: { description: 'The message in JSON.' },
        },
        required: ['type', 'value'],
        additionalProperties: false,
      },
    },
  },
  required: ['code', 'message'],
  additionalProperties: false,
};

function sorted(schemas: Record<string, Schema>): Record<string, Schema> {
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
}
