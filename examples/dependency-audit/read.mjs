// One of the readers: takes its share of the packages and hands on what it finds, as JSON in WIZ_OUTPUT.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const { READER, READERS, ROOT, WIZ_INPUT, WIZ_OUTPUT, WIZ_PROGRESS } = process.env;

// Only what npm would load: a folder called node_modules in a package's tests holds no installed packages.
const INSTALLED = /^(?:(?:@[^/]+\/)?[^/]+\/node_modules\/)*(?:@[^/]+\/)?[^/@][^/]*\/package\.json$/;

const { list } = JSON.parse(readFileSync(WIZ_INPUT, 'utf8')).outputs;
const share = list.files
  .filter((file) => INSTALLED.test(file))
  .filter((_, i) => i % READERS === Number(READER));

const packages = [];
for (const file of share) {
  const manifest = JSON.parse(await readFile(join(ROOT, file), 'utf8'));
  const path = dirname(file);
  // A folder without a version is none that npm knows.
  if (!manifest.version) continue;
  packages.push({
    // Not manifest.name: a package may be installed under another name.
    name: path.match(/(?:@[^/]+\/)?[^/]+$/)[0],
    version: manifest.version,
    licence: licenceOf(manifest),
    bytes: await sizeOf(join(ROOT, path)),
    dependencies: Object.keys(manifest.dependencies ?? {}),
    path,
  });
  appendFileSync(WIZ_PROGRESS, `${packages.length}/${share.length} ${path}\n`);
}
writeFileSync(WIZ_OUTPUT, JSON.stringify({ packages }));
console.log(`${packages.length} packages`);

function licenceOf({ license, licenses }) {
  const found = [license ?? licenses ?? []].flat().map((one) => one.type ?? one);
  return found.length > 0 ? found.join(' OR ') : 'UNKNOWN';
}

/** Bytes of a package's own files, without the packages inside it. */
async function sizeOf(folder) {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await sizeOf(path);
    else if (entry.isFile()) bytes += (await stat(path)).size;
  }
  return bytes;
}
