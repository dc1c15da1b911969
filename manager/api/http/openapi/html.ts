/** HTML of which every value is escaped, unless it is HTML already. */
export interface Html {
  readonly html: string;
}

type Value = string | number | Html | undefined | readonly (Html | undefined)[];

export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  const text = parts.map((part, i) => (i === 0 ? part : written(values[i - 1]) + part)).join('');
  return { html: text };
}

function written(value: Value): string {
  if (value === undefined) return '';
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  if ('html' in value) return value.html;
  return value.map((one) => one?.html ?? '').join('');
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}
