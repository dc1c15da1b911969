import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { entryInTree, listTree } from '../../files/tree-walk.ts';
import { WizError } from '../../proto/error.ts';
import type {
  DownloadFileRequest,
  DownloadFileResponse,
  FileService,
  FolderEntry,
  ListFilesRequest,
  StoredFile,
} from '../../proto/gen/wiz/v1/files_pb.js';
import type { Manager } from '../manager.ts';
import { streaming, unary } from './errors.ts';
import { toldFileError } from './file-errors.ts';
import { findStoredFile, storedFile } from './file-name.ts';
import { lineageOf } from './lineage.ts';
import { findRun } from './run-service.ts';

/** Files of a list when no number is given, and at most. */
const DEFAULT_FILES = 1_000;
const MAX_FILES = 10_000;
/** Bytes of a message; gRPC takes 4 MiB. */
const MESSAGE_BYTES = 1024 * 1024;

const HASH = /^[0-9a-f]{64}$/;

/** The file store, and what runs have left there. */
export function fileService(manager: Manager): ServiceImpl<typeof FileService> {
  return {
    listFiles: unary(async (request) => ({ files: await listFiles(manager, request) })),
    getFile: unary(async ({ name }) => ({ file: await told(findStoredFile(manager, name)) })),
    downloadFile: streaming((request, context: HandlerContext) => download(manager, request, context.signal)),
    listFolder: unary(async ({ hash }) => ({ entries: await told(listFolder(manager, checkedHash(hash))) })),
    getLineage: unary(async ({ name, depth }) => told(lineageOf(manager, name, depth))),
  };
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toldFileError(error);
  }
}

function checkedHash(hash: string): string {
  if (HASH.test(hash)) return hash;
  throw new WizError('invalid_argument', `${JSON.stringify(hash)} is no whole hash: 64 hexadecimal digits.`);
}

async function listFiles(manager: Manager, request: ListFilesRequest): Promise<StoredFile[]> {
  const { runId, all: made, pipeline } = request;
  if (request.limit > MAX_FILES)
    throw new WizError('invalid_argument', `A list holds at most ${MAX_FILES} files.`);
  const limit = request.limit || DEFAULT_FILES;
  if (runId === '') {
    const links = await manager.store.listKeptFiles({ made, limit, ...(pipeline !== '' && { pipeline }) });
    return links.map(storedFile);
  }
  const row = await findRun(manager, runId);
  const links = await manager.store.listFileLinks(row.runId);
  return links
    .filter(({ role }) => role === 'kept' || (made && role === 'made'))
    .slice(0, limit)
    .map(storedFile);
}

/** Reads no faster than the chunks are taken. */
async function* download(
  { files }: Manager,
  { hash, offset, path }: DownloadFileRequest,
  signal: AbortSignal,
): AsyncGenerator<DownloadFileResponse> {
  try {
    const blob = path === '' ? checkedHash(hash) : await blobInFolder(files, checkedHash(hash), path);
    const size = await files.has(blob);
    if (size === undefined) {
      // One that is damaged says so to who reads it.
      (await files.read(blob)).destroy();
      throw new WizError('not_found', `The file store has no file ${blob}.`);
    }
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > size) {
      throw new WizError(
        'invalid_argument',
        `The file ${blob} has ${size} bytes; there is no offset ${offset}.`,
      );
    }
    const content = await files.read(blob, offset);
    const stop = () => void content.destroy();
    signal.addEventListener('abort', stop);
    try {
      for await (const chunk of content as AsyncIterable<Uint8Array>) {
        for (let start = 0; start < chunk.length; start += MESSAGE_BYTES) {
          const data = chunk.length <= MESSAGE_BYTES ? chunk : chunk.subarray(start, start + MESSAGE_BYTES);
          yield { $typeName: 'wiz.v1.DownloadFileResponse', data: data as Uint8Array<ArrayBuffer> };
        }
      }
    } finally {
      signal.removeEventListener('abort', stop);
      content.destroy();
    }
  } catch (error) {
    if (!signal.aborted) throw toldFileError(error);
  }
}

async function blobInFolder(files: Manager['files'], hash: string, path: string): Promise<string> {
  const entry = await entryInTree(files, hash, path);
  if (entry === undefined) throw new WizError('not_found', `There is no "${path}" in the folder ${hash}.`);
  if (entry.kind !== 'folder') return entry.hash;
  throw new WizError('invalid_argument', `"${path}" is a folder in the folder ${hash}; choose a file in it.`);
}

async function listFolder({ files }: Manager, hash: string): Promise<FolderEntry[]> {
  const entries: FolderEntry[] = [];
  for await (const entry of listTree(files, hash)) {
    const { path } = entry;
    const empty: FolderEntry = {
      $typeName: 'wiz.v1.FolderEntry',
      path,
      hash: '',
      size: 0,
      executable: false,
      link: '',
    };
    if (entry.kind === 'folder') {
      if (entry.entries === 0) entries.push(empty);
    } else if (entry.kind === 'link') {
      const target = await entryInTree(files, hash, path);
      const file = target === undefined || target.kind === 'folder' ? undefined : target;
      entries.push({ ...empty, link: entry.target, ...fileOf(file) });
    } else entries.push({ ...empty, ...fileOf(entry) });
  }
  return entries;
}

function fileOf(file: { kind: string; hash: string; size: number } | undefined): Partial<FolderEntry> {
  if (file === undefined) return {};
  return { hash: file.hash, size: file.size, executable: file.kind === 'executable' };
}
