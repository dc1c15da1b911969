import { isAbsolute } from 'node:path';
import { mapOf } from './check-texts.ts';
import type { Complaint } from './explain.ts';
import { type Path, subjectOf } from './subject.ts';

/** Relative paths of a file whose folder is not on the manager's machine: nothing there could be meant by them. */
export function checkFolderless(pipeline: Record<string, unknown>): Complaint[] {
  const complaints: Complaint[] = [];
  const check = (value: unknown, path: Path, hint: string) => {
    if (!isRelative(value)) return;
    const message = `${subjectOf(path)} is relative to the folder of this file, which is not on the manager's machine`;
    complaints.push({ path, at: 'value', message, hint });
  };
  const checkInputs = (owner: unknown, path: Path) => {
    const inputs = mapOf(mapOf(owner).cache).inputs;
    const list = Array.isArray(inputs) ? inputs : [inputs];
    for (const [i, glob] of list.entries()) {
      const at = Array.isArray(inputs) ? [...path, 'cache', 'inputs', i] : [...path, 'cache', 'inputs'];
      check(glob, at, 'Write absolute paths.');
    }
  };
  check(pipeline.workdir, ['workdir'], WORKDIR_HINT);
  for (const [name, secret] of Object.entries(mapOf(pipeline.secrets))) {
    check(mapOf(secret).file, ['secrets', name, 'file'], 'Write an absolute path.');
  }
  const hasFolder = typeof pipeline.workdir === 'string';
  if (!hasFolder) checkInputs(pipeline, []);
  for (const [name, value] of Object.entries(mapOf(pipeline.processors))) {
    const processor = mapOf(value);
    const path = ['processors', name];
    check(processor.workdir, [...path, 'workdir'], WORKDIR_HINT);
    if (hasFolder || typeof processor.workdir === 'string') continue;
    checkInputs(processor, path);
    const program = Array.isArray(processor.program) ? processor.program[0] : undefined;
    // A name without a slash is looked up in PATH.
    if (typeof program === 'string' && program.includes('/')) {
      check(program, [...path, 'program', 0], 'Write an absolute path, or a name that PATH finds.');
    }
  }
  return complaints;
}

const WORKDIR_HINT = 'Write an absolute path, or leave it out: programs then run in the staging folder.';

/** What begins with a macro or an expression is known later. */
function isRelative(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !isAbsolute(value) && !value.startsWith('${');
}
