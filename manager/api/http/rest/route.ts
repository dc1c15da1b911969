import { type DescField, type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '../../../../proto/gen/google/api/annotations_pb.js';
import type { HttpRule } from '../../../../proto/gen/google/api/http_pb.js';
import { rest_content } from '../../../../proto/gen/wiz/v1/options_pb.js';
import { matchTemplate, type PathTemplate, parseTemplate } from './path-template.ts';
import { fieldNamed } from './query.ts';

/** One way to call a method: what `google.api.http` says of it. */
export interface Route {
  method: DescMethod;
  httpMethod: string;
  template: PathTemplate;
  /** `*`, the name of a field, or empty. */
  body: string;
  /** The field of `body`, where it names one. */
  bodyField: DescField | undefined;
  /** Those of the template's variables, in their order. */
  fields: readonly DescField[];
  /** Field whose bare content a stream is answered with; empty when it is messages. */
  content: string;
  /** The first rule of its method; others are additional bindings. */
  isMain: boolean;
}

export function routesOf(methods: readonly DescMethod[]): Route[] {
  const routes = methods
    .filter((method) => hasOption(method, http))
    .flatMap((method) => {
      const rule = getOption(method, http);
      return [rule, ...rule.additionalBindings].map((one, i) => routeOf(method, one, i === 0));
    });
  // A longer fixed text is the better fit: `/runs/{run_id}:cancel` before `/runs/{run_id}`.
  return routes.sort((a, b) => b.template.rank - a.template.rank);
}

function routeOf(method: DescMethod, { pattern, body }: HttpRule, isMain: boolean): Route {
  if (pattern.case === undefined || pattern.case === 'custom')
    throw new Error(`${method} has a rule without a path`);
  const template = parseTemplate(pattern.value);
  const fieldOf = (name: string) => fieldNamed(method.input, name, name);
  return {
    method,
    httpMethod: pattern.case.toUpperCase(),
    template,
    body,
    bodyField: body === '' || body === '*' ? undefined : fieldOf(body),
    fields: template.variables.map(fieldOf),
    content: getOption(method, rest_content),
    isMain,
  };
}

export type Found = { route: Route; values: string[] } | { allowed: string[] };

/** The route of a request, or the methods that its path takes; undefined when it is no path of REST. Throws URIError. */
export function findRoute(routes: readonly Route[], httpMethod: string, path: string): Found | undefined {
  const allowed = new Set<string>();
  for (const route of routes) {
    const values = matchTemplate(route.template, path);
    if (values === undefined) continue;
    if (route.httpMethod === httpMethod) return { route, values };
    allowed.add(route.httpMethod);
  }
  return allowed.size > 0 ? { allowed: [...allowed] } : undefined;
}
