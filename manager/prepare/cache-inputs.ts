import { hash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Look } from './file-hashes.ts';

/** The files that globs match, as parts: name -> hash; of more than `most`, all together are one part. A glob that
 *  matches nothing is a part too, so that the first file that it matches is a change. */
export async function inputFiles(
  globs: string[],
  folder: string,
  look: Look,
  most: number,
): Promise<[string, string][]> {
  const lists = await Promise.all(
    globs.map((glob) => look.once(`glob ${folder}\0${glob}`, () => match(glob, folder))),
  );
  const none = globs.filter((_, at) => lists[at]!.length === 0);
  const files = [...new Set(lists.flat())].sort();
  const hashes = await Promise.all(files.map((file) => look.hashOf(resolve(folder, file))));
  const all = files.map((file, at): [string, string] => [`file ${file}`, hashes[at] ?? 'absent']);
  const kept: [string, string][] =
    all.length <= most ? all : [['cache.inputs', hash('sha256', JSON.stringify(all), 'hex')]];
  return [...kept, ...none.map((glob): [string, string] => [`files ${glob}`, 'none'])];
}

async function match(glob: string, folder: string): Promise<string[]> {
  const { glob: find } = await import('tinyglobby');
  return find(glob, { cwd: folder, dot: true });
}
