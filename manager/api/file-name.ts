import { WizError } from '../../proto/error.ts';
import type { StoredFile } from '../../proto/gen/wiz/v1/files_pb.js';
import { ID_LENGTH } from '../../proto/ids.ts';
import { parseInstanceName } from '../../proto/instance-name.ts';
import type { Manager } from '../manager.ts';
import { nearest } from '../spec/nearest.ts';
import type { FileLink, RunRow } from '../store/store.ts';
import { findRun } from './run-service.ts';

/** What the names of files mean; the forms are told with GetFileRequest. */

const HASH = /^[0-9a-f]{8,64}$/i;
/** Digits of a SHA-256. */
const HASH_LENGTH = 64;
/** Links that are looked at to tell whether the beginning of a hash is that of one file only. */
const MAX_LINKS = 1_000;
/** Names in an error. */
const SHOWN = 10;
/** Digits of a hash that are shown. */
const SHOWN_DIGITS = 16;

/** Which of several links to one file tells most about it. */
const ROLES: FileLink['role'][] = ['kept', 'made', 'value', 'used'];

/** Throws WizError not_found when there is none, invalid_argument for a name that is none or fits several files. */
export async function findStoredFile(manager: Manager, name: string): Promise<StoredFile> {
  const slash = name.indexOf('/');
  if (slash < 0) return fileOfHash(manager, name);
  const [owner, path] = [name.slice(0, slash), name.slice(slash + 1).replace(/\/+$/, '')];
  if (owner === '' || path === '') throw noName(name);
  // A pipeline may be called as a run's id begins.
  const [kept] = await manager.store.listKeptFiles({ pipeline: owner, path, limit: 1 });
  if (kept !== undefined) return storedFile(kept);
  const run =
    (owner.length === ID_LENGTH ? undefined : await newestRun(manager, owner, path)) ??
    (await findRun(manager, owner).catch((error) => failOwner(owner, error)));
  return storedFile(await linkInRun(manager, run, path));
}

/** Of a pipeline the newest run that has the file; when none has, the newest, to say so. */
async function newestRun({ store }: Manager, pipeline: string, path: string): Promise<RunRow | undefined> {
  const made = await Promise.all(
    placesOf(path).map(({ processor, name }) => store.findRunThatMade(pipeline, processor, name)),
  );
  // Ids sort by time.
  const runId = made
    .filter((id) => id !== undefined)
    .sort()
    .at(-1);
  if (runId !== undefined) return store.getRun(runId);
  return (await store.listRuns({ pipeline, limit: 1 }))[0];
}

function failOwner(owner: string, error: unknown): never {
  if (!(error instanceof WizError && error.code === 'not_found') || owner === 'latest') throw error;
  throw new WizError('not_found', `There is neither a run nor a pipeline "${owner}" that left files.`);
}

function noName(name: string): WizError {
  return new WizError(
    'invalid_argument',
    `${JSON.stringify(name)} names no file. Give RUN/PATH (RUN may be "latest"), PIPELINE/PATH, or a hash of which 8 ` +
      'digits are enough.',
  );
}

async function fileOfHash({ store, files }: Manager, name: string): Promise<StoredFile> {
  if (!HASH.test(name)) throw noName(name);
  const hash = name.toLowerCase();
  const links = await store.findFileLinks(hash, MAX_LINKS);
  const hashes = new Map(links.map((link) => [link.hash, link]));
  if (hashes.size > 1) {
    const some = [...hashes.values()].slice(0, SHOWN);
    const shown = some.map(
      (link) => `${link.hash.slice(0, SHOWN_DIGITS)} (${pathsOf(link)[0]} of ${link.runId})`,
    );
    throw new WizError(
      'invalid_argument',
      `The hashes of several files start with ${name}: ${shown.join(', ')}.`,
    );
  }
  const best = ROLES.map((role) => links.find((link) => link.role === role)).find(
    (link) => link !== undefined,
  );
  if (best !== undefined) return storedFile(best);
  // What is in a folder, or came from elsewhere, is linked to no run.
  const size = hash.length === HASH_LENGTH ? await files.has(hash) : undefined;
  if (size !== undefined) return storedFile({ ...NO_RUN, hash, size });
  throw new WizError(
    'not_found',
    `There is no file whose hash starts with ${name}. wiz files ls --all shows those there are.`,
  );
}

const NO_RUN: FileLink = {
  hash: '',
  runId: '',
  pipeline: '',
  processor: '',
  attempt: 0,
  role: 'made',
  name: '',
  size: 0,
  folder: false,
  mediaType: '',
  createdMs: 0,
  originRunId: '',
  originAttempt: 0,
};

async function linkInRun({ store }: Manager, { runId }: RunRow, path: string): Promise<FileLink> {
  const links = (await store.listFileLinks(runId)).filter(({ role }) => role === 'kept' || role === 'made');
  // Of attempts that left a file of the same name the last counts, and what is kept goes before all.
  const fits = links.filter((link) => pathsOf(link).includes(path));
  const found = fits.find(({ role }) => role === 'kept') ?? fits.at(-1);
  if (found !== undefined) return found;
  const paths = [...new Set(links.map((link) => pathsOf(link)[0]!))];
  const near = nearest(path, paths);
  const shown =
    paths.slice(0, SHOWN).join(', ') + (paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : '');
  const hint =
    near !== undefined ? `Did you mean "${near}"?` : paths.length > 0 ? `It has ${shown}.` : 'It left none.';
  throw new WizError('not_found', `Run ${runId} left no file "${path}". ${hint}`);
}

/** What a file is called in its run, the best name first. Of an instance the index may stand with either name. */
function pathsOf({ role, processor, name }: FileLink): string[] {
  if (role === 'kept') return [name];
  const instance = parseInstanceName(processor);
  if (instance?.index === undefined) return [`${processor}/${name}`];
  const inner = name.startsWith(`${instance.index}/`) ? name.slice(name.indexOf('/') + 1) : name;
  return [`${instance.processor}/${instance.index}/${inner}`, `${processor}/${inner}`];
}

/** The other way: who may have left what a path names, and under which name. */
function placesOf(path: string): { processor: string; name: string }[] {
  const [processor, index, ...inner] = path.split('/');
  const name = path.slice(`${processor}/`.length);
  return [
    { processor: processor!, name },
    { processor: `${processor}[${index}]`, name: inner.join('/') },
  ];
}

export function storedFile(link: FileLink): StoredFile {
  const { hash, size, folder, mediaType, runId, pipeline, processor, attempt, role, name, createdMs } = link;
  return {
    $typeName: 'wiz.v1.StoredFile',
    file: { $typeName: 'wiz.v1.File', name, hash, size, mediaType, folder },
    runId,
    pipeline,
    processor,
    attempt,
    path: role === 'kept' ? name : '',
    createdUnixMs: createdMs,
  };
}
