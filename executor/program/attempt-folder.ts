import fs from 'node:fs';
import path from 'node:path';

/**
 * The folder behind an attempt's WIZ_ files.
 *
 *   N/input.json            WIZ_INPUT
 *   N/script                a script too long for an argument
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
  output: string;
  context: string;
  progress: string;
  files: string;
  /** Whether anything was made in `out` and in `files`. */
  touched(): { out: boolean; files: boolean };
  /** `reusable` false: something may still write here. */
  release(reusable: boolean): void;
}

const EMPTY_INPUT = '{"params":{},"context":{},"outputs":{}}';

export function createAttemptFolders(root: string) {
  const free: Slot[] = [];
  let made = 0;
  fs.mkdirSync(root, { recursive: true, mode: 0o700 });

  return {
    /** `input` is the content of WIZ_INPUT; empty is all empty. */
    acquire(input: string): AttemptFolder {
      const slot = free.pop() ?? createSlot(path.join(root, String(++made)));
      slot.writeInput(input === '' ? EMPTY_INPUT : input);
      const { folder } = slot;
      return {
        ...slot.paths,
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
