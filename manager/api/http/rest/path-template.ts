/**
 * Path templates of google.api.http: `/v1/runs/{run_id}:cancel`, `/v1/files/{name=**}`. A variable is one part of the path, or
 * with `=**` all that follow; the verb after the colon is of the whole.
 */
export interface PathTemplate {
  pattern: RegExp;
  /** Paths of fields, in the order of the groups of the pattern. */
  variables: string[];
  /** Those that may have a slash in them. */
  manyParts: string[];
  /** The template as OpenAPI writes it: `/v1/files/{name}`. */
  plain: string;
  /** Templates that are told first come first: more that is fixed, fewer parts that are anything. */
  rank: number;
}

const PART = /\{([a-z_][a-z0-9_.]*)(=\*\*|=\*)?\}/g;

export function parseTemplate(template: string): PathTemplate {
  const variables: string[] = [];
  const manyParts: string[] = [];
  let pattern = '';
  let fixed = 0;
  let from = 0;
  for (const match of template.matchAll(PART)) {
    const literal = template.slice(from, match.index);
    variables.push(match[1]!);
    if (match[2] === '=**') manyParts.push(match[1]!);
    pattern += escaped(literal) + (match[2] === '=**' ? '(.+)' : '([^/]+)');
    fixed += literal.length;
    from = match.index + match[0].length;
  }
  const literal = template.slice(from);
  pattern += escaped(literal);
  fixed += literal.length;
  if (/[{}*]/.test(literal)) throw new Error(`${template} is no path template that is served`);
  return {
    pattern: new RegExp(`^${pattern}$`),
    variables,
    manyParts,
    plain: template.replace(PART, '{$1}'),
    rank: fixed,
  };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The values of a template's variables; undefined when the path does not fit. Throws URIError for what is no encoding. */
export function matchTemplate({ pattern, variables }: PathTemplate, path: string): string[] | undefined {
  const match = pattern.exec(path);
  if (match === null) return undefined;
  return variables.map((_, i) => decodeURIComponent(match[i + 1]!));
}
