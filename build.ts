/**
 * Bundles wiz into dist/: `node build.ts`. Nothing but koffi, which is native, is loaded from node_modules at
 * run time. Why a bundle: the libraries of the command line import in 121 ms as they are and in 50 ms bundled,
 * with Node's compile cache, on two cores.
 *
 * Code is split: what several entries share, and what is imported with `import()`, becomes a chunk of its own,
 * so that a command loads only what it uses. The code is not minified: that saves no time (measured, with the
 * compile cache, for three commands), and stack traces can be read.
 */
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { writeManifest } from './cli/manifest.ts';

const root = import.meta.dirname;
const started = performance.now();

const packageJson: { version: string; dependencies: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

/** oclif finds commands by their files, so each is an entry; the other entries are processes of their own. */
const entries = [
  'cli/main.ts',
  ...globSync('cli/commands/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts')),
  'executor/main.ts',
  'executor/program/spawner-main.ts',
];

/** oclif asks for these only when it finds a TypeScript project or Yarn's PnP. */
const neverBundled = ['typescript', 'ts-node', 'tsx', 'pnpapi'];

const result = await build({
  absWorkingDir: root,
  entryPoints: entries,
  outdir: 'dist',
  outbase: '.',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: [...Object.keys(packageJson.dependencies), ...neverBundled],
  plugins: [lazyCommonJs()],
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

removeStale(result.metafile);
writeFileSync(join(root, 'dist/THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(result.metafile));
await writeManifest(join(root, 'dist'));

const bytes = Object.values(result.metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
console.log(
  `dist: ${entries.length} entries, ${(bytes / 1e6).toFixed(1)} MB, ${Math.round(performance.now() - started)} ms`,
);

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
      onResolve({ filter: /^[^.]/ }, async ({ path, kind, resolveDir, pluginData }) => {
        if (kind !== 'dynamic-import' || pluginData === 'lazy-commonjs') return undefined;
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
function removeStale(metafile: Metafile): void {
  for (const file of globSync('dist/**/*.js', { cwd: root })) {
    if (!(file in metafile.outputs)) rmSync(join(root, file));
  }
}

/** The licences of what is in the bundle, as they ask to be passed on. */
function thirdPartyNotices(metafile: Metafile): string {
  const folders = new Set<string>();
  for (const input of Object.keys(metafile.inputs)) {
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
