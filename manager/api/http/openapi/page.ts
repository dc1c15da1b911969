import { createHash } from 'node:crypto';
import { type Html, html } from './html.ts';
import type { Schema } from './schemas.ts';

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color-scheme: light dark }
code, pre { font: 13px/1.5 ui-monospace, monospace }
details { border: 1px solid #8884; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem }
summary { cursor: pointer }
summary b { display: inline-block; min-width: 4.2rem; font: bold 13px ui-monospace, monospace }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid #8884; padding: .25rem .6rem .25rem 0; vertical-align: top }
td:first-child { white-space: nowrap }
.quiet { opacity: .7 }
`;

/** No script, nothing from elsewhere, in no frame: the page is text. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The OpenAPI document as a page to read. */
export function documentPage(document: Schema): string {
  const { info, paths, components, tags } = document as unknown as Document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${info.title} API</title><style>${{ html: STYLE }}</style></head><body>
<h1>${info.title} API <span class="quiet">${info.version}</span></h1>
${info.description.split('\n\n').map((paragraph) => html`<p>${paragraph}</p>`)}
<p>As a document for machines: <a href="openapi.json">openapi.json</a>.</p>
${tags.map(
  ({ name, description }) => html`<h2>${name}</h2><p>${description}</p>
${operations.filter(({ operation }) => operation.tags.includes(name)).map(operationHtml)}`,
)}
<h2>Messages</h2>
${Object.entries(components.schemas).map(([name, schema]) => schemaHtml(name, schema))}
<h2>Errors</h2>
<table>${Object.entries(components.responses).map(
    ([status, { description }]) => html`<tr><td>${status}</td><td>${description}</td></tr>`,
  )}</table>
</body></html>
`;
  return page.html;
}

interface Document {
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, { description: string }> };
}

interface Operation {
  tags: string[];
  summary: string;
  description?: string;
  parameters: ({ name: string; in: string; description?: string; schema: Schema } | { $ref: string })[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
  'x-role': string;
}

function operationHtml({
  path,
  method,
  operation,
}: {
  path: string;
  method: string;
  operation: Operation;
}): Html {
  const { parameters, requestBody, responses } = operation;
  const body = requestBody?.content['application/json']?.schema;
  return html`<details><summary><b>${method.toUpperCase()}</b><code>${path}</code> ${operation.summary}</summary>
<p>${operation.description} <span class="quiet">For ${operation['x-role']}.</span></p>
<table>${parameters.map((one) =>
    // Headers that all have are told once, in the document.
    '$ref' in one
      ? undefined
      : html`<tr><td><code>${one.name}</code> <span class="quiet">${one.in}</span></td>
<td>${typeHtml(one.schema)}</td><td>${one.description}</td></tr>`,
  )}
${body && html`<tr><td>body</td><td>${typeHtml(body)}</td><td></td></tr>`}
${Object.entries(responses[200]?.content ?? {}).map(
  ([type, { schema = {} }]) => html`<tr><td>answer</td>
<td>${typeHtml((schema.contentSchema as Schema) ?? schema)}</td><td><code>${type}</code></td></tr>`,
)}</table></details>
`;
}

function schemaHtml(name: string, schema: Schema): Html {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>);
  const values = schema.enum as string[] | undefined;
  return html`<details id="${name}"><summary><code>${name}</code></summary>
${((schema.description as string | undefined)?.split('\n\n') ?? []).map((text) => html`<p>${text}</p>`)}
${values && html`<p>${values.map((value) => html`<code>${value}</code> `)}</p>`}
<table>${properties.map(
    ([field, one]) => html`<tr><td><code>${field}</code></td><td>${typeHtml(one)}</td>
<td>${one.description as string | undefined}</td></tr>`,
  )}</table></details>
`;
}

function typeHtml(schema: Schema): Html {
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.split('/').at(-1)!;
    return html`<a href="#${name}">${name}</a>`;
  }
  if (schema.type === 'array') return html`list of ${typeHtml(schema.items as Schema)}`;
  const values = schema.additionalProperties;
  if (schema.type === 'object' && typeof values === 'object')
    return html`map of ${typeHtml(values as Schema)}`;
  if (schema.type === 'object') {
    const names = Object.keys((schema.properties ?? {}) as object);
    return html`object with ${names.length > 0 ? names.join(', ') : 'nothing'}`;
  }
  if (schema.contentEncoding !== undefined) return html`bytes`;
  return html`${schema.anyOf === undefined ? String(schema.type ?? 'content') : 'number'}`;
}
