/**
 * Bundles wiz into dist/: `node build.ts`. Nothing but koffi, which is native, is loaded from node_modules at
 * run time. Why a bundle: the libraries of the command line import in 121 ms as they are and in 50 ms bundled,
 * with Node's compile cache, on two cores.
 *
 * Code is split: what is imported with `import()`, and what several entries share, becomes a chunk of its own, so
 * that a command loads only what it uses. But each chunk costs a start about 0.7 ms: with the executor's entries
 * and one entry for each command in one bundle, `wiz run` read 52 files; with two bundles, and all commands in
 * one file behind the stubs that oclif looks for, it read 20 at that time and took 18 % less processor time. The
 * code is not minified: that saves no time (measured, with the compile cache, for three commands), and stack traces
 * can be read.
 */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { writeManifest } from './cli/manifest.ts';

const root = import.meta.dirname;
const ALL_COMMANDS = 'all-commands';
const started = performance.now();

const packageJson: { version: string; dependencies: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

const commands = globSync('cli/commands/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));

/** oclif asks for these only when it finds a TypeScript project or Yarn's PnP. */
const neverBundled = ['typescript', 'ts-node', 'tsx', 'pnpapi'];

const bundles = await Promise.all([
  bundle({ 'cli/main': 'cli/main.ts', 'cli/all-commands': ALL_COMMANDS }),
  bundle({
    'executor/main': 'executor/main.ts',
    'executor/program/spawner-main': 'executor/program/spawner-main.ts',
  }),
  bundle({ 'manager/hook-commands': 'manager/hooks/command-main.ts' }),
  bundle({ 'manager/query-main': 'manager/store/sqlite/query-main.ts' }),
]);
const inputs = new Set(bundles.flatMap(({ inputs }) => Object.keys(inputs)));
const outputs = new Map(bundles.flatMap(({ outputs }) => Object.entries(outputs)));

removeStale(new Set([...outputs.keys(), ...writeStubs()]));
writeFileSync(join(root, 'dist/THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(inputs));
await writeManifest(join(root, 'dist'));

const bytes = [...outputs.values()].reduce((sum, output) => sum + output.bytes, 0);
console.log(
  `dist: ${outputs.size} files, ${(bytes / 1e6).toFixed(1)} MB, ${Math.round(performance.now() - started)} ms`,
);

async function bundle(entryPoints: Record<string, string>): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: [...Object.keys(packageJson.dependencies), ...neverBundled],
    plugins: [allCommands(), englishOnly(), lazyCommonJs(), layers()],
    define: { 'process.env.WIZ_VERSION': JSON.stringify(packageJson.version) },
    // What CommonJS packages expect to find.
    banner: {
      js: [
        "import { createRequire as bundleRequire } from 'node:module';",
        'const require = bundleRequire(import.meta.url);',
        'const __filename = import.meta.filename, __dirname = import.meta.dirname;',
      ].join(' '),
    },
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

/** A module that exports every command, by its place in the list. */
function allCommands(): Plugin {
  return {
    name: 'all-commands',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: new RegExp(`^${ALL_COMMANDS}$`) }, ({ path }) => ({ path, namespace: 'commands' }));
      onLoad({ filter: /.*/, namespace: 'commands' }, () => ({
        contents: commands.map((file, i) => `export { default as command${i} } from './${file}';`).join('\n'),
        resolveDir: root,
      }));
    },
  };
}

/**
 * What is loaded together is one chunk. esbuild makes one for each set of entries that reach the same modules, and each
 * `import()` is an entry: with the daemon's, a warm `wiz run` read 100 files of 0.7 ms each. So what is there anyway
 * when an import is reached counts as imported by it: what cli/main.ts needs, for all; the commands, for what they import;
 * the manager on SQLite, for what it imports.
 */
function layers(): Plugin {
  const contents: Record<string, string> = {
    start: ['dispatch', 'oclif', 'output'].map((name) => `import './cli/${name}.ts';`).join('\n'),
    commands: `import 'layer:start'; import '${ALL_COMMANDS}'; import './cli/api.ts';`,
    manager: "import 'layer:commands'; import './manager/index.ts'; import './manager/store/sqlite.ts';",
  };
  return {
    name: 'layers',
    setup({ initialOptions, onResolve, onLoad, resolve }) {
      if (!Object.keys(initialOptions.entryPoints!).includes('cli/main')) return;
      onResolve({ filter: /^layer:/ }, ({ path }) => ({
        path: path.slice('layer:'.length),
        namespace: 'layer',
      }));
      onLoad({ filter: /.*/, namespace: 'layer' }, ({ path }) => ({
        contents: contents[path]!,
        resolveDir: root,
      }));
      onResolve({ filter: /^\.\.?\// }, async ({ path, kind, importer, resolveDir, pluginData }) => {
        if (kind !== 'dynamic-import' || pluginData === 'layers' || importer.includes('node_modules'))
          return undefined;
        const found = await resolve(path, { kind, resolveDir, pluginData: 'layers' });
        return found.errors.length > 0 ? found : { path: found.path, namespace: 'layered' };
      });
      onLoad({ filter: /.*/, namespace: 'layered' }, ({ path }) => {
        const layer = relative(root, path).startsWith('cli/') ? 'commands' : 'manager';
        const contents = `import 'layer:${layer}'; export * from ${JSON.stringify(path)};`;
        return { contents, resolveDir: root };
      });
    },
  };
}

/** The files in which oclif finds commands; returns their names. */
function writeStubs(): string[] {
  return commands.map((file, i) => {
    const stub = `dist/${file.replace(/\.ts$/, '.js')}`;
    const up = '../'.repeat(file.split('/').length - 2);
    mkdirSync(dirname(join(root, stub)), { recursive: true });
    writeFileSync(join(root, stub), `export { command${i} as default } from '${up}all-commands.js';\n`);
    return stub;
  });
}

/** zod brings its messages in 50 languages, 290 kB of text that every start would read. Ours are English. */
function englishOnly(): Plugin {
  return {
    name: 'english-only',
    setup({ onLoad }) {
      onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
        contents: "export { default as en } from './en.js';",
      }));
    },
  };
}

/**
 * `await import('x')` of a CommonJS package has the package's names as exports in Node; esbuild's chunk has
 * `default` only. So a module is put between them that exports the names Node finds.
 */
function lazyCommonJs(): Plugin {
  const isCommonJs = (file: string): boolean => {
    if (file.endsWith('.cjs')) return true;
    if (!file.endsWith('.js')) return false;
    let folder = dirname(file);
    while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).type !== 'module';
  };
  return {
    name: 'lazy-commonjs',
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /^[^.]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
        if (kind !== 'dynamic-import' || pluginData === 'lazy-commonjs') return undefined;
        // What packages import of each other they were bundled for; only our own sources run in Node as they are.
        if (importer.includes('node_modules')) return undefined;
        const found = await resolve(path, { kind, resolveDir, pluginData: 'lazy-commonjs' });
        if (found.external || found.errors.length > 0 || !isCommonJs(found.path)) return found;
        return { path: found.path, namespace: 'lazy-commonjs' };
      });
      onLoad({ filter: /.*/, namespace: 'lazy-commonjs' }, async ({ path }) => {
        const names = Object.keys(await import(path)).filter(
          (name) => name !== 'default' && name !== 'module.exports',
        );
        const contents = [
          `const it = require(${JSON.stringify(path)});`,
          'export default it;',
          ...names.map(
            (name, i) => `const n${i} = it[${JSON.stringify(name)}]; export { n${i} as ${name} };`,
          ),
        ].join('\n');
        return { contents, resolveDir: dirname(path) };
      });
    },
  };
}

/** What an earlier build left; after the new files are there, so that a wiz that runs meanwhile goes on. */
function removeStale(kept: ReadonlySet<string>): void {
  for (const file of globSync('dist/**/*.js', { cwd: root })) {
    if (!kept.has(file)) rmSync(join(root, file));
  }
}

/** The licences of what is in the bundle, as they ask to be passed on. */
function thirdPartyNotices(inputs: Iterable<string>): string {
  const folders = new Set<string>();
  for (const input of inputs) {
    if (input.startsWith('lazy-commonjs:')) continue;
    const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
    if (folder) folders.add(folder);
  }
  return [...folders].sort().map(noticeOf).join('\n');
}

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const [file] = globSync('{LICEN[CS]E,licen[cs]e,COPYING}*', { cwd: join(root, folder) });
  const text = file
    ? readFileSync(join(root, folder, file), 'utf8').trim()
    : 'No licence text in the package.';
  return `${'='.repeat(80)}\n${name} ${version} (${license})\n${'='.repeat(80)}\n${text}\n`;
}
