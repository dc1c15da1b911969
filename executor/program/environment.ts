import { OWN_VARIABLES } from '../../proto/environment.ts';
import type { EnvBlock } from './frames.ts';

/**
 * What programs see as their environment, later ones winning: the executor's own environment without what is
 * meant for wiz itself, the run's, the processor's, and the attempt's WIZ_ names.
 */
export interface ProgramEnvironment {
  /** Shared between attempts of a run. */
  base: EnvBlock;
  /** NAME=value of this attempt alone. */
  own: string[];
  /** PATH as the program gets it. */
  path: string;
}

/** As execvp has it when there is no PATH. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

export class BadEnvironment extends Error {}

/** `executor` is the executor's own environment, read once. */
export function createEnvironments(executor: NodeJS.ProcessEnv) {
  const inherited = Object.entries(executor).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && isInherited(entry[0]),
  );
  // Attempts of one assignment message share the object.
  const cache = new WeakMap<Record<string, string>, { block: EnvBlock; names: Map<string, string> }>();

  function blockOf(environment: Record<string, string>, without: Set<string> | undefined) {
    const cached = without === undefined ? cache.get(environment) : undefined;
    if (cached !== undefined) return cached;
    const names = new Map(inherited);
    for (const [name, value] of Object.entries(environment)) {
      checkEntry(name, value);
      if (!ATTEMPT_NAMES.has(name)) names.set(name, value);
    }
    for (const name of without ?? []) names.delete(name);
    let text = '';
    for (const [name, value] of names) text += `${name}=${value}\0`;
    const made = { block: { bytes: Buffer.from(text), count: names.size }, names };
    if (without === undefined) cache.set(environment, made);
    return made;
  }

  return {
    /** Throws BadEnvironment when a name or value cannot be one. */
    of(
      run: Record<string, string>,
      processor: Record<string, string>,
      attempt: Record<string, string>,
    ): ProgramEnvironment {
      let { block, names } = blockOf(run, undefined);
      const own: string[] = [];
      // A trace that a pipeline names itself counts where nobody traces the run.
      const isTraced = attempt.TRACEPARENT !== undefined;
      const hidden = new Set<string>();
      for (const name in processor) {
        checkEntry(name, processor[name]!);
        if (ATTEMPT_NAMES.has(name) || (isTraced && TRACE_NAMES.includes(name))) continue;
        own.push(`${name}=${processor[name]}`);
        if (names.has(name)) hidden.add(name);
      }
      for (const name in attempt) own.push(`${name}=${attempt[name]}`);
      if (isTraced) for (const name of TRACE_NAMES) if (names.has(name)) hidden.add(name);
      if (hidden.size > 0) ({ block, names } = blockOf(run, hidden));
      return { base: block, own, path: processor.PATH ?? names.get('PATH') ?? DEFAULT_PATH };
    },
  };
}

/** What a program can count on; nobody else can set these. */
const ATTEMPT_NAMES = new Set(OWN_VARIABLES);

/** An attempt of a run that is traced has its own; whoever started the executor was in another trace. */
const TRACE_NAMES = ['TRACEPARENT', 'TRACESTATE'];

/** WIZ_HOME goes on to programs, so that a wiz they call keeps its state in the same place. */
function isInherited(name: string): boolean {
  if (TRACE_NAMES.includes(name)) return false;
  return name === 'WIZ_HOME' || !name.startsWith('WIZ_');
}

function checkEntry(name: string, value: string): void {
  if (name === '' || name.includes('=') || name.includes('\0')) {
    throw new BadEnvironment(`${JSON.stringify(name)} cannot be the name of an environment variable`);
  }
  if (value.includes('\0')) {
    throw new BadEnvironment(
      `the environment variable ${name} contains a NUL byte, which no program can be given; remove it`,
    );
  }
}
