import { constants, existsSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
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
  const content = await contentOf(path);
  return create(SourceFileSchema, { path, content, baseDir: dirname(resolve(path)) });
}

/** Of a file, or of a pipe that somebody writes to, as `<(…)` of a shell makes it. Throws UsageError. */
export async function contentOf(path: string): Promise<Buffer> {
  try {
    return await read(path);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${reasonOf(error)}`);
  }
}

async function read(path: string): Promise<Buffer> {
  // A named pipe that nobody writes to would keep an ordinary open waiting for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const kind = await file.stat();
    if (kind.isFIFO()) return await contentOfPipe(file);
    if (kind.isFile()) return await file.readFile();
    throw new Error(kind.isDirectory() ? 'it is a folder' : 'it is not a file');
  } finally {
    await file.close();
  }
}

/** Milliseconds until somebody must have opened a pipe for writing. */
const WRITER_MS = 5000;
/** Milliseconds between looks into a pipe. */
const PIPE_LOOK_MS = 20;

async function contentOfPipe(file: FileHandle): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const deadline = Date.now() + WRITER_MS;
  for (let hasWriter = false; ; ) {
    // Nothing is read at the end, and as long as nobody has opened it for writing.
    const chunk = await readNow(file);
    if (chunk?.length === 0) {
      if (hasWriter) return Buffer.concat(chunks);
      if (Date.now() > deadline) throw new Error('it is a pipe that nobody writes to');
    } else {
      hasWriter = true;
      if (chunk !== undefined) {
        chunks.push(chunk);
        continue;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, PIPE_LOOK_MS));
  }
}

/** Undefined when the writer has not written yet. */
async function readNow(file: FileHandle): Promise<Buffer | undefined> {
  try {
    const { bytesRead, buffer } = await file.read();
    return Buffer.from(buffer.subarray(0, bytesRead));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
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
