import fs from 'node:fs';
import { STDIN_REFUSED } from './frames.ts';

/** Codes that say nothing about the file: the program is started when something is free again. */
const SHORTAGES = ['EMFILE', 'ENFILE'];

/** Opens the file that becomes standard input; a code for the refusal when that cannot be. */
export function openStdin(path: string): number | string {
  try {
    return fs.openSync(path, 'r');
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException;
    return SHORTAGES.includes(code) ? code : STDIN_REFUSED + code;
  }
}
