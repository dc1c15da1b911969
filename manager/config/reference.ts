import { z } from 'zod';
import { configJsonSchema, configSchema } from './schema.ts';
import { cores, descriptionOf, type Setting, settingsOf } from './setting.ts';

const MARK = '<!-- Written by `npm run docs` from the schemas in manager/config. -->\n\n';

/** docs/configuration.md with its table as it should be. */
export function withSettingsTable(page: string): string {
  return page.slice(0, page.indexOf(MARK) + MARK.length) + settingsTable();
}

/** The table of docs/configuration.md: every setting, its variable, and what it means. */
function settingsTable(): string {
  const whole = configJsonSchema();
  const rows = settingsOf(configSchema).map((setting) => {
    const { path, facts, schema } = setting;
    const variable = facts.environment === undefined ? '' : `\`${facts.environment}\``;
    const what = [
      descriptionOf(schema),
      defaultOf(setting, whole),
      facts.secret ? 'Secret: never shown.' : '',
    ];
    return `| \`${path.join('.')}\` | ${kindOf(schema)} | ${variable} | ${what.filter(Boolean).join(' ')} |`;
  });
  return ['| setting | value | variable | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function kindOf(schema: z.ZodType): string {
  const words = cores(schema).map((core) => {
    if (core instanceof z.ZodEnum) return core.options.map((option) => `\`${option}\``).join(', ');
    if (core instanceof z.ZodBoolean) return 'true or false';
    if (core instanceof z.ZodNumber) return 'number';
    if (core instanceof z.ZodArray) return `list of ${kindOf(core.element as z.ZodType)}`;
    if (core instanceof z.ZodObject || core instanceof z.ZodRecord) return 'map';
    if (core instanceof z.ZodLiteral) return [...core.values].map((value) => `\`${value}\``).join(', ');
    return 'text';
  });
  return [...new Set(words)].join(' or ');
}

function defaultOf({ path }: Setting, whole: JsonSchema): string {
  const found = path.reduce<JsonSchema | undefined>((at, key) => at?.properties?.[key], whole);
  return found?.default === undefined ? '' : `Default: \`${JSON.stringify(found.default)}\`.`;
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  default?: unknown;
}
