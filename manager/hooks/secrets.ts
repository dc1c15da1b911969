import { readFile, stat } from 'node:fs/promises';
import { replaceMarks } from '../../proto/marks.ts';
import type { SecretSpec } from '../spec/spec.ts';
import { allowsSecret, type HookPolicy, NotAllowed } from './policy.ts';

/** Bytes of a value, as executors have it. */
const MAX_BYTES = 64 * 1024;
/** Shorter values would blot out half of a text. */
const MIN_REDACTED = 4;

/** Secrets of one try: found when they are first asked for, and kept out of what is written down. */
export interface TrySecrets {
  value(name: string): Promise<string>;
  /** The text with the marks of secrets replaced by their values, see proto/marks.ts. */
  fill(text: string): Promise<string>;
  /** The text without the values that were found. */
  redact(text: string): string;
}

/** Found by the manager: in its environment or in files. */
export function secretsOf(
  sources: Readonly<Record<string, SecretSpec>>,
  environment: NodeJS.ProcessEnv,
  /** undefined: all are allowed. */
  policy: HookPolicy | undefined,
): TrySecrets {
  const values = new Map<string, string>();

  async function value(name: string): Promise<string> {
    const known = values.get(name);
    if (known !== undefined) return known;
    const source = sources[name];
    if (source === undefined) throw new Error(`There is no secret "${name}".`);
    if (policy !== undefined && !allowsSecret(source, policy)) {
      throw new NotAllowed(
        `The secret "${name}" is none that this manager gives to pipelines (hooks.allow.secrets).`,
      );
    }
    const found = await read(name, source, environment);
    values.set(name, found);
    return found;
  }

  return {
    value,
    async fill(text) {
      const names = new Set<string>();
      replaceMarks(text, (mark) => {
        if (mark.kind === 'secret') names.add(mark.name);
        return '';
      });
      for (const name of names) await value(name);
      return replaceMarks(text, (mark) => (mark.kind === 'secret' ? values.get(mark.name)! : ''));
    },
    redact(text) {
      let redacted = text;
      for (const secret of values.values()) {
        if (secret.length < MIN_REDACTED) continue;
        for (const spelling of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
          redacted = redacted.replaceAll(spelling, '***');
      }
      return redacted;
    },
  };
}

async function read(name: string, source: SecretSpec, environment: NodeJS.ProcessEnv): Promise<string> {
  if ('env' in source) {
    const value = environment[source.env];
    if (value) return value;
    throw new Error(`The secret "${name}" is not there: the manager has no variable ${source.env}.`);
  }
  if ('command' in source) {
    throw new NotAllowed(`The secret "${name}" is found by a command, which only executors run.`);
  }
  try {
    if ((await stat(source.file)).size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return (await readFile(source.file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error(`The secret "${name}" cannot be read: ${(error as Error).message}.`);
  }
}
