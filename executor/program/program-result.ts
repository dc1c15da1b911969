import fs from 'node:fs';
import path from 'node:path';
import type { DataForm } from '../../proto/gen/wiz/v1/data_pb.js';
import { Outcome } from '../../proto/gen/wiz/v1/executors_pb.js';
import { AttemptFailure, failureCause } from '../data/attempt-failure.ts';
import type { DataRooms } from '../data/data-rooms.ts';
import type { Output } from '../data/kept-values.ts';
import { valueOfStdout } from '../data/stdout-value.ts';
import { keepLeftFiles } from '../files/left-files.ts';
import type { AttemptSecrets } from '../secrets/secrets.ts';
import type { AttemptFolder } from './attempt-folder.ts';
import { readContextFile, readOutputFile } from './program-output.ts';
import { type Ending, failed } from './program-report.ts';
import type { StdoutCapture } from './stdout-capture.ts';

/** What a program that exited with 0 leaves. */
export interface LeftBehind {
  folder: AttemptFolder;
  capture: StdoutCapture;
  secrets: AttemptSecrets | undefined;
  /** How standard output is read. */
  form: DataForm;
  /** Nothing writes to its files any more. */
  move: boolean;
}

/**
 * Its output, context and files; a failure when they are not what they have to be. At once, unless something goes to the
 * file store. Never throws or rejects.
 */
export function resultOf(left: LeftBehind, data: DataRooms): Ending | Promise<Ending> {
  const { folder, secrets } = left;
  try {
    const { out, files } = folder.touched();
    const context = out ? readContextFile(folder.context, secrets) : {};
    const written = out ? readOutputFile(folder.output, data.files.store, secrets) : undefined;
    const output = written ?? stdoutValue(left, data);
    if (!files && !(output instanceof Promise)) {
      return { outcome: Outcome.SUCCEEDED, output, context, files: [] };
    }
    return kept(output, context, files, left, data).catch((error) => unreadable(error, folder));
  } catch (error) {
    return unreadable(error, folder);
  }
}

/** The value first: when that is wrong, no file is kept. */
async function kept(
  output: Output | Promise<Output>,
  context: Record<string, string>,
  files: boolean,
  { folder, move, secrets }: LeftBehind,
  { files: { store } }: DataRooms,
): Promise<Ending> {
  return {
    outcome: Outcome.SUCCEEDED,
    output: await output,
    context,
    files: files ? await keepLeftFiles(folder.files, store, { move, secrets }) : [],
  };
}

function stdoutValue({ capture, form }: LeftBehind, { files }: DataRooms): Output | Promise<Output> {
  const { parts, file, failure } = capture;
  if (failure !== undefined) {
    const message = `its standard output could not be kept: ${failure.message}`;
    throw new AttemptFailure('output-unreadable', message, { infra: true });
  }
  if (file !== undefined) return valueOfStdout({ file }, form, files.store);
  return valueOfStdout({ bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts) }, form, files.store);
}

function unreadable(error: unknown, folder: AttemptFolder): Ending {
  const cause = failureCause(error, 'output-unreadable');
  if (cause.reason !== 'output-unreadable' || error instanceof AttemptFailure) return failed(cause);
  // Gone, or another kind of thing, while the folder around it is there: the program did that, and would again.
  const { code = '' } = error as NodeJS.ErrnoException;
  const own = ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(code) && fs.existsSync(path.dirname(folder.input));
  return failed({ ...cause, message: `what it left could not be read: ${cause.message}`, infra: !own });
}
