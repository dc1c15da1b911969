/**
 * The rules of `promtool check metrics`, and of its parser, over a page in the text format. One line for each breach.
 * https://prometheus.io/docs/practices/naming/ and the linter of the client_golang repository.
 */
export function lintMetrics(text: string): string[] {
  const breaches: string[] = [];
  const families = new Map<string, { help?: string; type?: string }>();
  const series = new Set<string>();
  let current = '';
  for (const line of text.split('\n')) {
    const told = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line);
    if (told) {
      const [, what, name, rest] = told as unknown as [string, 'HELP' | 'TYPE', string, string];
      if (current !== name && families.has(name)) breaches.push(`${name}: not in one piece`);
      current = name;
      const family = families.get(name) ?? {};
      families.set(name, what === 'HELP' ? { ...family, help: rest } : { ...family, type: rest });
      continue;
    }
    if (line === '') continue;
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!sample) {
      breaches.push(`cannot be read: ${line}`);
      continue;
    }
    const [, name, labels = '', value] = sample as unknown as [string, string, string | undefined, string];
    if (!isOf(name, current, families.get(current)?.type))
      breaches.push(`${name}: not with its family, ${current}`);
    if (Number.isNaN(Number(value)) && !/^(NaN|Nan|[+-]Inf)$/.test(value))
      breaches.push(`${name}: ${value} is no number`);
    if (series.has(`${name}{${labels}}`)) breaches.push(`${name}{${labels}}: twice`);
    series.add(`${name}{${labels}}`);
    breaches.push(...lintLabels(name, labels));
  }
  for (const [name, { help, type }] of families) breaches.push(...lintFamily(name, help, type));
  return breaches;
}

function isOf(sample: string, family: string, type: string | undefined): boolean {
  if (sample === family) return type !== 'histogram';
  return type === 'histogram' && ['_bucket', '_sum', '_count'].some((suffix) => sample === family + suffix);
}

function lintLabels(name: string, labels: string): string[] {
  const pair = /([^=,]+)="((?:[^"\\]|\\.)*)"(?:,|$)/y;
  const breaches: string[] = [];
  const names = new Set<string>();
  while (pair.lastIndex < labels.length) {
    const found = pair.exec(labels);
    if (!found) return [...breaches, `${name}: labels cannot be read: ${labels}`];
    const label = found[1]!;
    if (!/^[a-z_][a-z\d_]*$/.test(label)) breaches.push(`${name}: label ${label} is not snake_case`);
    if (names.has(label)) breaches.push(`${name}: label ${label} twice`);
    if (label === 'le' && !name.endsWith('_bucket'))
      breaches.push(`${name}: label le outside of a histogram`);
    names.add(label);
  }
  return breaches;
}

const UNITS = [
  'milliseconds',
  'microseconds',
  'nanoseconds',
  'minutes',
  'hours',
  'days',
  'kilobytes',
  'megabytes',
  'gigabytes',
  'bits',
  'percent',
];
const ABBREVIATIONS = ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'gb', 'tb', 'pb', 'm', 'h', 'd'];
const TYPES = ['counter', 'gauge', 'histogram', 'summary'];

function lintFamily(name: string, help: string | undefined, type: string | undefined): string[] {
  const words = name.split('_');
  const breaches = [
    !help && 'no help text',
    !TYPES.includes(type ?? '') && `type ${type}`,
    !/^[a-z][a-z\d_]*$/.test(name) && 'not snake_case, or with a colon',
    type === 'counter' && !name.endsWith('_total') && 'a counter without _total',
    type !== 'counter' && name.endsWith('_total') && 'no counter, but _total',
    type !== 'histogram' && /_(bucket|sum|count)$/.test(name) && 'the suffix of a histogram',
    words.some((word) => UNITS.includes(word)) && 'no base unit',
    words.some((word) => ABBREVIATIONS.includes(word)) && 'an abbreviated unit',
    words.some((word) => TYPES.includes(word)) && 'its type in its name',
  ];
  return breaches.filter((breach) => typeof breach === 'string').map((breach) => `${name}: ${breach}`);
}
