import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type SourceFile, SourceFileSchema } from '../proto/gen/wiz/v1/pipelines_pb.js';
import { UsageError } from './usage.ts';

/** Reads a pipeline file as the user named it; `-` is standard input, whose relative paths start here. */
export async function readSource(path: string): Promise<SourceFile> {
  if (path === '-') {
    const content = Buffer.concat(await process.stdin.toArray());
    return create(SourceFileSchema, { path: '<stdin>', content, baseDir: process.cwd() });
  }
  try {
    const content = await readFile(path);
    return create(SourceFileSchema, { path, content, baseDir: dirname(resolve(path)) });
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${reasonOf(error)}`);
  }
}

/** Whether the word after `run` or `graph` means a file rather than an applied pipeline. Names of pipelines hold
 *  no slash; a file wins over a pipeline of the same name only when its ending says that it is one. */
export function looksLikeFile(word: string): boolean {
  return word === '-' || word.includes('/') || /\.ya?ml$/i.test(word);
}

/** What to add when no pipeline has that name but there is such a file. */
export function fileHint(word: string): string {
  return existsSync(word) ? `To use the file, write ./${word}` : '';
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EISDIR') return 'it is a folder';
  if (code === 'EACCES') return 'it may not be read';
  return message;
}
