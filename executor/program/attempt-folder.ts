import fs from 'node:fs';
import path from 'node:path';

/**
 * The folder behind an attempt's WIZ_ files.
 *
 *   N/input.json            WIZ_INPUT
 *   N/script                a script too long for an argument
 *   N/stdin                 standard input, where a data form asks for it
 *   N/stdout                standard output, where it is large
 *   N/out/output            WIZ_OUTPUT      \
 *   N/out/context           WIZ_CONTEXT      > made by the program when it wants to
 *   N/out/progress          WIZ_PROGRESS    /
 *   N/out/files/            WIZ_FILES
 *
 * Most programs write none of them, and making and removing folders for each costs more than the rest of an
 * attempt. So a folder in which nothing was made goes back to a pool; that is told by the modification time
 * of `out` and `files`, which is set to 0 when they are made and changes with any entry.
 */
export interface AttemptFolder {
  input: string;
  script: string;
  stdin: string;
  stdout: string;
  output: string;
  context: string;
  progress: string;
  files: string;
  /** `document` is the content of WIZ_INPUT. */
  writeInput(document: string): void;
  /** Whether anything was made in `out` and in `files`. */
  touched(): { out: boolean; files: boolean };
  /** `reusable` false: something may still write here, or there is something that nobody else is to see. */
  release(reusable: boolean): void;
}

export function createAttemptFolders(root: string) {
  const free: Slot[] = [];
  let made = 0;
  fs.mkdirSync(root, { recursive: true, mode: 0o700 });

  return {
    acquire(): AttemptFolder {
      const slot = free.pop() ?? createSlot(path.join(root, String(++made)));
      const { folder } = slot;
      return {
        ...slot.paths,
        writeInput: slot.writeInput,
        touched: slot.touched,
        release(reusable) {
          const { out, files } = slot.touched();
          if (reusable && !out && !files) free.push(slot);
          else removeFolder(folder);
        },
      };
    },
    close: () => removeFolder(root),
  };
}

type Slot = ReturnType<typeof createSlot>;

function createSlot(folder: string) {
  const out = path.join(folder, 'out');
  const paths = {
    input: path.join(folder, 'input.json'),
    script: path.join(folder, 'script'),
    stdin: path.join(folder, 'stdin'),
    stdout: path.join(folder, 'stdout'),
    output: path.join(out, 'output'),
    context: path.join(out, 'context'),
    progress: path.join(out, 'progress'),
    files: path.join(out, 'files'),
  };
  fs.mkdirSync(paths.files, { recursive: true, mode: 0o700 });
  fs.utimesSync(paths.files, 0, 0);
  fs.utimesSync(out, 0, 0);
  let content: string | undefined;
  let changedMs = 0;

  return {
    folder,
    paths,
    /** Spared when the file has the same content and nobody has been at it since. */
    writeInput(input: string): void {
      if (content === input && changeTime(paths.input) === changedMs) return;
      fs.writeFileSync(paths.input, input, { mode: 0o600 });
      content = input;
      changedMs = changeTime(paths.input);
    },
    touched: () => ({ out: isTouched(out), files: isTouched(paths.files) }),
  };
}

function changeTime(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.ctimeMs ?? -1;
}

function isTouched(folder: string): boolean {
  return fs.statSync(folder, { throwIfNoEntry: false })?.mtimeMs !== 0;
}

function removeFolder(folder: string): void {
  try {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    // A program made it unremovable (permissions, a mount); close() tries once more, the rest is the user's.
  }
}
