/**
 * The rules of the house: `npm run house` prints nothing when all is well, and otherwise one line for each
 * breach, and exits with 1.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import { allFiles, lineOf, readSource, type Source } from './house/sources.ts';

/** Files of more than MAX_LINES lines, and why they are not two. */
const LONG_FILES: Record<string, string> = {
  'manager/engine/loop.ts':
    'one loop over one state, a third of it its interface; what it decides is in transitions.ts and schedule.ts',
  'executor/program/program-host.ts':
    'one state machine: every function moves a program from one of its states to another',
  'manager/expressions/scan-shell.ts':
    'one state machine: every method reads the next characters in one of its states',
  'executor/program/program.test.ts': 'what a program can count on, case by case, over one fixture',
};
const MAX_LINES = 350;

/** Rooms and what they may import of this repository, apart from themselves. */
const ROOMS: Record<string, string[]> = {
  proto: [],
  files: ['proto/'],
  executor: ['proto/', 'files/'],
  manager: ['proto/', 'files/'],
  cli: ['proto/', 'files/', 'manager/index.ts'],
};

/** What makes the bundle and the generated docs, and is in neither. */
const TOOLS = ['build.ts', 'docs'];

/** The rooms that are handed the world: nothing in them reaches for it. */
const PURE = ['manager/engine/', 'manager/graph/'];
const PURE_IMPORTS = [...PURE, 'manager/spec/', 'proto/'];
const PURE_PACKAGES = ['graphology', '@bufbuild/protobuf', 'fastest-levenshtein'];
const IMPURE_NAMES =
  /\b(?:Date\.now|new Date|Date\(|Math\.random|performance|setTimeout|setInterval|setImmediate|queueMicrotask|process|fetch|crypto|console|globalThis)\b/g;

/** Packages that are imported where they are first used, and the folders that are themselves loaded so. Each
 *  costs its time (measured, two cores): @kubernetes/client-node 900 ms, zod and yaml 20 to 40 ms each. */
const LAZY_PACKAGES: Record<string, string[]> = {
  '@kubernetes/client-node': [],
  openai: [],
  'playwright-core': [],
  zod: [
    'manager/spec/',
    'manager/config/',
    'manager/api/manifest-schema.ts',
    'manager/api/manifest.fixture.ts',
    'executor/processors/',
  ],
  yaml: ['manager/spec/', 'manager/config/', 'executor/processors/'],
  jsonata: ['executor/processors/'],
  // 15 ms bundled, 130 ms from the sources.
  '@bufbuild/cel': ['manager/expressions/'],
  '@bufbuild/re2': ['manager/expressions/'],
  // 20 ms bundled: only a daemon and its clients speak HTTP.
  '@connectrpc/connect-node': ['manager/api/http/', 'cli/remote/', 'cli/fixture/', 'test/', 'bench/'],
  'openid-client': ['cli/login/provider.ts'],
  // 60 ms.
  '@aws-sdk/client-s3': ['files/s3-'],
  // Only of daemons, and of who names a collector.
  pino: [],
  'prom-client': ['manager/observe/meter.ts'],
  '@opentelemetry/api': ['proto/otlp-spans.ts'],
  '@opentelemetry/core': ['proto/otlp-spans.ts'],
  '@opentelemetry/resources': ['proto/otlp-spans.ts'],
  '@opentelemetry/sdk-trace-base': ['proto/otlp-spans.ts'],
  '@opentelemetry/exporter-trace-otlp-http': ['proto/otlp-spans.ts'],
};

const VAGUE_NAME = /(?:^|\/)(?:utils?|helpers?|common|misc|types?)(?:\.[^/]+)?(?=\/|$)/i;
const UNFINISHED = new RegExp(
  `\\b(?:${['TO', 'FIX', 'XX'].map((start, i) => start + ['DO', 'ME', 'X'][i]).join('|')})\\b`,
);
const SKIPPED =
  /\b(?:test|it|suite|describe)\.(?:skip|todo|only)\(|\b(?:skip|todo|only): true\b|\b(?:t|context)\.(?:skip|todo)\(\)/g;

export interface HouseOptions {
  longFiles: Record<string, string>;
}

/** One line for each breach: `path:line: what is wrong`. */
export function checkHouse(root: string, options: HouseOptions = { longFiles: LONG_FILES }): string[] {
  const files = allFiles(root);
  const sources = files
    .filter((path) => /\.(?:[cm]?[jt]s)$/.test(path))
    .map((path) => readSource(root, path));
  return [
    ...sources.flatMap(roomBreaches),
    ...pureBreaches(sources),
    ...sources.flatMap(lazyBreaches),
    ...files.filter((path) => VAGUE_NAME.test(path)).map((path) => `${path}: a name that says nothing`),
    ...testPlaceBreaches(files),
    ...sources.flatMap(skipBreaches),
    ...lengthBreaches(sources, options.longFiles),
    ...unfinishedBreaches(root, files),
    ...dependencyBreaches(root),
    ...undeclaredBreaches(root, sources),
  ];
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.startsWith('test/');
}

function roomBreaches({ path, imports }: Source): string[] {
  const room = path.split('/')[0]!;
  const allowed = ROOMS[room];
  return imports
    .filter(({ relative }) => relative)
    .filter(({ target }) => {
      if (TOOLS.includes(room) || target.startsWith(`${room}/`) || target === 'package.json') return false;
      if (target.startsWith('cli/')) return true;
      if (!allowed) return false;
      // A test of a room may use what tests share.
      if (isTest(path) && target.startsWith('test/')) return false;
      return !allowed.some((place) => target.startsWith(place));
    })
    .map(({ line, target }) => `${path}:${line}: ${room} must not import ${target}`);
}

/** Follows what is imported, so that a pure room does not reach the world through a file between. */
function pureBreaches(sources: Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const breaches = new Set<string>();
  const seen = new Set<string>();
  const visit = (source: Source): void => {
    if (seen.has(source.path)) return;
    seen.add(source.path);
    for (const { kind, line, relative, target } of source.imports) {
      if (kind === 'type') continue;
      const allowed = relative
        ? PURE_IMPORTS.some((place) => target.startsWith(place))
        : PURE_PACKAGES.includes(packageOf(target));
      if (!allowed)
        breaches.add(`${source.path}:${line}: ${target} must not be reached from ${PURE.join(' or ')}`);
      const next = byPath.get(target);
      if (next && allowed) visit(next);
    }
  };
  for (const source of sources) {
    if (!PURE.some((place) => source.path.startsWith(place)) || isTest(source.path)) continue;
    visit(source);
    for (const match of source.code.matchAll(IMPURE_NAMES)) {
      // A property of that name, or a key of an object.
      if (
        source.code[match.index - 1] === '.' ||
        /^\??:/.test(source.code.slice(match.index + match[0].length))
      )
        continue;
      breaches.add(`${source.path}:${lineOf(source.code, match.index)}: ${match[0]} must be handed in`);
    }
  }
  return [...breaches];
}

function lazyBreaches({ path, imports }: Source): string[] {
  if (isTest(path) || !ROOMS[path.split('/')[0]!]) return [];
  return imports
    .filter(({ kind, relative, target }) => {
      const places = relative ? undefined : LAZY_PACKAGES[packageOf(target)];
      return kind === 'static' && places && !places.some((place) => path.startsWith(place));
    })
    .map(({ line, target }) => `${path}:${line}: ${target} must be imported where it is used, with import()`);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Tests of a room stand beside sources of it; those that cross rooms are in test/. */
function testPlaceBreaches(files: string[]): string[] {
  const withSources = new Set(
    files.filter((path) => path.endsWith('.ts') && !isTest(path)).map(posix.dirname),
  );
  return files
    .filter((path) => path.endsWith('.test.ts') && !path.startsWith('test/'))
    .filter((path) => !withSources.has(posix.dirname(path)))
    .map((path) => `${path}: no source beside it; tests that cross rooms belong in test/`);
}

function skipBreaches({ path, code }: Source): string[] {
  if (!isTest(path)) return [];
  return [...code.matchAll(SKIPPED)].map(
    (match) => `${path}:${lineOf(code, match.index)}: ${match[0]} needs a reason: { skip: 'why' }`,
  );
}

function lengthBreaches(sources: Source[], longFiles: Record<string, string>): string[] {
  const long = new Map(
    sources
      .map(({ path, text }) => [path, text.split('\n').length - 1] as const)
      .filter(([, n]) => n > MAX_LINES),
  );
  return [
    ...[...long]
      .filter(([path]) => !longFiles[path])
      .map(([path, lines]) => `${path}: ${lines} lines; split it, or give the reason in test/house.ts`),
    ...Object.keys(longFiles)
      .filter((path) => !long.has(path))
      .map((path) => `test/house.ts: ${path} is not long any more`),
  ];
}

function unfinishedBreaches(root: string, files: string[]): string[] {
  return files
    .filter((path) => /\.(?:[cm]?[jt]s|proto|ya?ml|md|sh)$/.test(path))
    .flatMap((path) =>
      readFileSync(join(root, path), 'utf8')
        .split('\n')
        .flatMap((line, i) =>
          UNFINISHED.test(line) ? [`${path}:${i + 1}: unfinished: ${line.trim()}`] : [],
        ),
    );
}

/** docs/dependencies.md has a row "| `name` | why |" for each dependency, and for nothing else. */
function dependencyBreaches(root: string): string[] {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const names = new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)]);
  const file = 'docs/dependencies.md';
  const text = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
  const rows = new Set([...text.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]!));
  return [
    ...[...names].filter((name) => !rows.has(name)).map((name) => `${file}: no row for ${name}`),
    ...[...rows]
      .filter((name) => !names.has(name))
      .map((name) => `${file}: ${name} is no dependency any more`),
  ];
}

/** What is imported is in package.json, and not there by luck, because something else needs it. */
function undeclaredBreaches(root: string, sources: Source[]): string[] {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const declared = { ...dependencies, ...devDependencies };
  return sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ relative, target }) => !relative && !isBuiltin(target) && !(packageOf(target) in declared))
      .map(({ line, target }) => `${path}:${line}: ${packageOf(target)} is not in package.json`),
  );
}

if (import.meta.main) {
  const breaches = checkHouse(join(import.meta.dirname, '..'));
  for (const breach of breaches) console.log(breach);
  process.exitCode = breaches.length > 0 ? 1 : 0;
}
