import fs from 'node:fs';
import path from 'node:path';
import type { Assignment } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { createProgramLookup, StartFailure } from './lookup.ts';
import { SCRIPT_ARGUMENT_LIMIT, scriptCommand } from './script.ts';

/** A program that can be handed to the spawner. */
export interface ProgramCommand {
  /** As written, for messages. */
  name: string;
  /** Absolute. */
  file: string;
  argv: string[];
}

export interface CommandPlace {
  workdir: string;
  /** PATH as the program gets it. */
  searchPath: string;
  /** Where a script is written that is too long for an argument. */
  scriptFile: string;
}

type Lookup = ReturnType<typeof createProgramLookup>;

export function commandOf(
  { action, processor }: Pick<Assignment, 'action' | 'processor'>,
  place: CommandPlace,
  lookup: Lookup,
): ProgramCommand | StartFailure {
  if (action.case === 'program') {
    const { argv } = action.value;
    const nul = argv.findIndex((argument) => argument.includes('\0'));
    if (nul !== -1) return nulFailure(`argument ${nul}`);
    return locate([argv[0] ?? ''], argv, place, lookup);
  }
  if (action.case !== 'script') {
    return { reason: 'bad-options', message: `processor ${processor} is not a native program` };
  }
  const { shell, text } = action.value;
  if (text.includes('\0')) return nulFailure('the script');
  const long = Buffer.byteLength(text) > SCRIPT_ARGUMENT_LIMIT;
  if (long) fs.writeFileSync(place.scriptFile, text, { mode: 0o600 });
  const script = scriptCommand(shell, text, long ? place.scriptFile : undefined);
  if (script === undefined) {
    return { reason: 'bad-options', message: `shell "${shell}" is none of bash, sh, python, node` };
  }
  return locate(script.programs, [path.basename(script.programs[0]!), ...script.args], place, lookup);
}

/** The same command at another place, when the remembered one is right no more. */
export function relocated(
  command: ProgramCommand,
  place: CommandPlace,
  lookup: Lookup,
): ProgramCommand | undefined {
  if (command.name.includes('/')) return undefined;
  lookup.forget();
  const file = lookup.find(command.name, place.searchPath, place.workdir);
  return typeof file !== 'string' || file === command.file ? undefined : { ...command, file };
}

function locate(
  names: string[],
  argv: string[],
  { searchPath, workdir }: CommandPlace,
  lookup: Lookup,
): ProgramCommand | StartFailure {
  let failure: StartFailure | undefined;
  for (const name of names) {
    const file = lookup.find(name, searchPath, workdir);
    if (typeof file === 'string') return { name, file, argv };
    failure ??= file;
  }
  return failure!;
}

function nulFailure(what: string): StartFailure {
  return {
    reason: 'bad-arguments',
    message: `${what} contains a NUL byte, which no program can be given; remove it`,
  };
}
