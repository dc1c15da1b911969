import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import { DataForm } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Assignment, NeedResult } from '../../proto/gen/wiz/v1/executors_pb.js';
import { parseInstanceName } from '../../proto/instance-name.ts';
import type { ExecutorFiles } from '../files/executor-files.ts';
import { ensure, type PlacedFile, type Places, pathOfPlace } from '../files/places.ts';
import type { AttemptSecrets } from '../secrets/secrets.ts';
import { AttemptFailure } from './attempt-failure.ts';
import { inputDocument } from './input-document.ts';
import { isMarked, type MarkedTexts, marksIn, withoutMarks } from './marked-texts.ts';
import { type StandardInput, standardInput } from './standard-input.ts';
import { isStored, type Pieces } from './value-pieces.ts';

/** What an attempt is given, ready to be used: files in their places, marks replaced, secrets known. */
export interface AttemptInputs extends MarkedTexts {
  secrets: AttemptSecrets | undefined;
  /** WIZ_INPUT. */
  document(): string | Pieces;
  /** Undefined without a data form. */
  standardInput(): StandardInput | undefined;
}

export interface InputRooms {
  files: ExecutorFiles;
  places: Places;
  /** The executor's own environment, where secrets may be. */
  environment: NodeJS.ProcessEnv;
}

/**
 * Makes ready what the attempt is given. At once when nothing has to be fetched or resolved; otherwise a promise that
 * rejects with what failureCause knows, or with the signal's reason.
 */
export function prepareInputs(
  assignment: Assignment,
  staging: string,
  rooms: InputRooms,
  signal: () => AbortSignal,
): AttemptInputs | Promise<AttemptInputs> {
  const marked = isMarked(assignment);
  if (!marked && assignment.secrets.length === 0 && !assignment.needs.some(hasFiles)) {
    return inputsOf(assignment, assignment, undefined, staging, rooms);
  }
  return fetchInputs(assignment, marked, staging, rooms, signal());
}

function hasFiles({ files, output }: NeedResult): boolean {
  return files.length > 0 || isStored(output);
}

async function fetchInputs(
  assignment: Assignment,
  marked: boolean,
  staging: string,
  rooms: InputRooms,
  signal: AbortSignal,
): Promise<AttemptInputs> {
  const marks = marked ? marksIn(assignment) : [];
  const wanted: PlacedFile[] = marks.filter((mark) => mark.kind === 'file');
  for (const need of assignment.needs) {
    for (const file of need.files) wanted.push({ ...file, place: placeOf(need, file) });
  }
  const [secrets] = await Promise.all([
    resolveSecrets(assignment, rooms, signal),
    putAll(wanted, staging, rooms.places, signal),
    ...assignment.needs.map(({ output }) => ensureValue(output, rooms.files, signal)),
  ]);
  let texts: MarkedTexts = assignment;
  if (marked) {
    texts = withoutMarks(assignment, (mark) =>
      mark.kind === 'file' ? pathOfPlace(staging, mark.place) : secretValue(secrets, mark.name),
    );
  }
  if (secrets !== undefined) {
    texts = { ...texts, environment: { ...texts.environment, ...secrets.environment } };
  }
  return inputsOf(assignment, texts, secrets, staging, rooms);
}

function inputsOf(
  { processor, needs, dataForm }: Assignment,
  { action, environment, inputJson }: MarkedTexts,
  secrets: AttemptSecrets | undefined,
  staging: string,
  { files }: InputRooms,
): AttemptInputs {
  return {
    action,
    environment,
    inputJson,
    secrets,
    document: () =>
      inputDocument(inputJson, needs, files.store, (need, file) => pathOfPlace(staging, placeOf(need, file))),
    standardInput() {
      if (dataForm === DataForm.UNSPECIFIED) return undefined;
      return standardInput(dataForm, needs, itemOf(processor, inputJson), files.store);
    },
  };
}

/** Files that are placed at once for one attempt. More would only wait for the disk. */
const PLACED_AT_ONCE = 8;

async function putAll(
  files: PlacedFile[],
  staging: string,
  places: Places,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < files.length) await places.put(staging, files[next++]!, signal);
  };
  await Promise.all(Array.from({ length: Math.min(PLACED_AT_ONCE, files.length) }, lane));
}

async function ensureValue(
  output: NeedResult['output'],
  files: ExecutorFiles,
  signal: AbortSignal,
): Promise<void> {
  if (output?.value.case !== 'file') return;
  await ensure(files, { hash: output.value.value.hash, folder: false }, signal);
}

async function resolveSecrets(
  { secrets }: Assignment,
  { environment }: InputRooms,
  signal: AbortSignal,
): Promise<AttemptSecrets | undefined> {
  if (secrets.length === 0) return undefined;
  const { resolveSecrets } = await import('../secrets/resolve.ts');
  return resolveSecrets(secrets, { environment, signal });
}

function secretValue(secrets: AttemptSecrets | undefined, name: string): string {
  if (secrets === undefined) {
    throw new AttemptFailure(
      'secret-missing',
      `the secret ${name} is used and was not given to this attempt`,
    );
  }
  return secrets.value(name);
}

function placeOf({ processor }: NeedResult, { name }: File): string {
  return `${processor}/${name}`;
}

/** The item of an instance, as JSON. */
function itemOf(processor: string, inputJson: string): string | undefined {
  if (parseInstanceName(processor)?.index === undefined) return undefined;
  const { item = null } = JSON.parse(inputJson === '' ? '{}' : inputJson) as { item?: unknown };
  return JSON.stringify(item);
}
