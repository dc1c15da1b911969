// Writes report.md and packages.csv from what the processors before it handed on.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { OUT, PROJECT, WIZ_INPUT, WIZ_OUTPUT, WIZ_RUN_ID } = process.env;
const { outputs } = JSON.parse(readFileSync(WIZ_INPUT, 'utf8'));

const packages = Object.values(outputs)
  .flatMap((output) => output?.packages ?? [])
  .sort((a, b) => compare(a.name, b.name) || compare(a.version, b.version) || compare(a.path, b.path));
const distinct = new Set(packages.map(({ name, version }) => `${name}@${version}`));
const licences = Object.entries(outputs.licences ?? {}).sort(([, a], [, b]) => b.packages - a.packages);
const duplicates = Object.entries(outputs.duplicates ?? {}).sort(([a], [b]) => compare(a, b));
const largest = [...packages].sort((a, b) => b.bytes - a.bytes);

const report = [
  `# Packages of ${PROJECT}`,
  '',
  `${packages.length} packages are installed (${distinct.size} different ones), ${megabytes(packages)} in all.`,
  outputs.policy
    ? 'Every licence is allowed.'
    : '**Some licences are not allowed: see the log of `policy`.**',
  '',
  '## Licences',
  '',
  ...table(
    ['licence', 'packages', 'size'],
    licences.map(([name, { packages: n, bytes }]) => [name, n, megabytes([{ bytes }])]),
  ),
  '',
  '## In several versions',
  '',
  ...(duplicates.length > 0
    ? table(
        ['package', 'versions'],
        duplicates.map(([name, versions]) => [name, versions.sort(compare).join(', ')]),
      )
    : ['None.']),
  '',
  '## The ten largest',
  '',
  ...table(
    ['package', 'version', 'size'],
    largest.slice(0, 10).map((one) => [one.name, one.version, megabytes([one])]),
  ),
  '',
  `Written by run ${WIZ_RUN_ID}.`,
  '',
].join('\n');

const rows = packages.map(({ name, version, licence, bytes, dependencies, path }) =>
  [name, version, licence, bytes, dependencies.length, path].map(quote).join(','),
);

mkdirSync(OUT, { recursive: true });
writeFileSync(join(OUT, 'report.md'), report);
writeFileSync(
  join(OUT, 'packages.csv'),
  ['name,version,licence,bytes,dependencies,path', ...rows, ''].join('\n'),
);
// Lines of key=value will do where JSON is too much.
writeFileSync(
  WIZ_OUTPUT,
  `installed=${packages.length}\ndistinct=${distinct.size}\nreport=${join(OUT, 'report.md')}\n`,
);
console.log(
  `${packages.length} packages, ${licences.length} licences, ${duplicates.length} in several versions: ${join(OUT, 'report.md')}`,
);

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function megabytes(list) {
  return `${(list.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6).toFixed(1)} MB`;
}

function table(head, lines) {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}

function quote(value) {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
