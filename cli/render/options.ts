/** Options of a processor, read from their JSON Schema, as rows of a table. */
export interface OptionRow {
  path: string;
  type: string;
  /** `required`, the default as JSON, or nothing. */
  preset: string;
  description: string;
}

interface Schema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
}

export function optionRows(schemaJson: string): OptionRow[] {
  return schemaJson === '' ? [] : rowsOf(JSON.parse(schemaJson) as Schema, '');
}

function rowsOf({ properties = {}, required = [] }: Schema, under: string): OptionRow[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = under + name;
    const preset =
      schema.default !== undefined
        ? JSON.stringify(schema.default)
        : required.includes(name)
          ? 'required'
          : '';
    const row = { path, type: typeOf(schema), preset, description: schema.description ?? '' };
    return [row, ...rowsOf(schema, `${path}.`)];
  });
}

function typeOf(schema: Schema): string {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map(typeOf))].join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => String(value)).join(' | ');
  if (schema.type === 'array') return schema.items ? `list of ${typeOf(schema.items)}` : 'list';
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    const value = typeOf(schema.additionalProperties);
    return value === 'any' ? 'map' : `map of ${value}`;
  }
  if (Array.isArray(schema.type)) return schema.type.join(' | ');
  return schema.type ?? 'any';
}
