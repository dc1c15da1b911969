import fs, { type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Secret } from '../../proto/gen/wiz/v1/executors_pb.js';
import { createRedaction } from './redact.ts';
import { runSecretCommand } from './secret-command.ts';
import { type AttemptSecrets, type ResolveSecrets, SecretFailure } from './secrets.ts';

/** Bytes of a value. Secrets are keys and tokens, and Linux hands a program no variable above 128 KiB. */
export const SECRET_LIMIT_BYTES = 64 * 1024;

/**
 * Finds the values of an attempt's secrets, all at once; the first that cannot be found ends the others and is thrown, as
 * a SecretFailure. When the signal comes first, its reason is thrown. No program is left running.
 */
export const resolveSecrets: ResolveSecrets = async (secrets, { environment, signal }) => {
  if (secrets.length === 0) return withValues([], new Map());
  signal.throwIfAborted();
  const failed = new AbortController();
  const ground = { environment, signal: AbortSignal.any([signal, failed.signal]) };
  const reads = secrets.map(async (secret) => {
    try {
      return [secret.name, checked(secret, await read(secret, ground))] as const;
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(reads);
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return withValues(secrets, new Map(await Promise.all(reads)));
};

interface Ground {
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

function withValues(secrets: readonly Secret[], values: Map<string, string>): AttemptSecrets {
  const exposed = secrets.filter(({ exposed }) => exposed);
  return {
    value(name) {
      const value = values.get(name);
      if (value === undefined) throw new Error(`The attempt has no secret "${name}"`);
      return value;
    },
    environment: Object.fromEntries(exposed.map(({ name }) => [name, values.get(name)!])),
    ...createRedaction([...values.values()]),
  };
}

async function read({ name, source, folder: place }: Secret, ground: Ground): Promise<string> {
  switch (source.case) {
    case 'environment':
      return fromEnvironment(name, source.value, ground.environment);
    case 'file':
      return text(name, source.value, await fromFile(name, source.value));
    case 'command': {
      const folder = (await isFolder(place)) ? place : undefined;
      const output = await runSecretCommand(name, source.value.argv, SECRET_LIMIT_BYTES, {
        ...ground,
        folder,
      });
      return text(name, `the output of ${JSON.stringify(source.value.argv[0])}`, output);
    }
    case undefined:
      throw new SecretFailure('secret-missing', `secret ${name} says neither env, file nor command`);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return path !== '' && (await fs.stat(path).catch(() => undefined))?.isDirectory() === true;
}

function fromEnvironment(name: string, variable: string, environment: NodeJS.ProcessEnv): string {
  const value = environment[variable];
  if (value !== undefined && value !== '') return value;
  const state = value === '' ? 'empty' : 'not set';
  throw new SecretFailure(
    'secret-missing',
    `secret ${name}: the variable ${variable} is ${state} where the executor was started; set it there`,
  );
}

async function fromFile(name: string, file: string): Promise<Buffer> {
  if (!path.isAbsolute(file)) {
    throw unreadable(name, `"${file}" is not an absolute path`);
  }
  let handle: FileHandle | undefined;
  try {
    handle = await fs.open(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK); // a FIFO would wait for ever
    if (!(await handle.stat()).isFile()) throw unreadable(name, `${file} is not a regular file`);
    const buffer = Buffer.alloc(SECRET_LIMIT_BYTES + 1);
    let length = 0;
    for (let bytesRead = -1; bytesRead !== 0 && length < buffer.length; length += bytesRead) {
      ({ bytesRead } = await handle.read(buffer, length, buffer.length - length));
    }
    return buffer.subarray(0, length);
  } catch (error) {
    throw error instanceof SecretFailure ? error : fileFailure(name, file, error as NodeJS.ErrnoException);
  } finally {
    await handle?.close();
  }
}

function fileFailure(name: string, file: string, error: NodeJS.ErrnoException): SecretFailure {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
    const message = `secret ${name}: there is no file ${file} on the executor's machine; create it there`;
    return new SecretFailure('secret-missing', message, { cause: error });
  }
  const why = error.code === 'EACCES' ? 'the executor may not read it; check its permissions' : error.code;
  return unreadable(name, `${file} cannot be read: ${why}`, error);
}

/** As text, without one line break at its end. */
function text(name: string, source: string, bytes: Buffer): string {
  if (bytes.length > SECRET_LIMIT_BYTES) {
    throw unreadable(
      name,
      `${source} has more than ${SECRET_LIMIT_BYTES / 1024} KiB, which no secret may have`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch (error) {
    throw unreadable(name, `${source} is no text (UTF-8); encode it, for example in base64`, error);
  }
}

function checked({ name }: Secret, value: string): string {
  if (value.trim() === '') {
    throw new SecretFailure('secret-missing', `secret ${name} is empty; put its value where it is read from`);
  }
  if (value.includes('\0')) throw unreadable(name, 'its value has a NUL, which no program can be given');
  if (Buffer.byteLength(value) > SECRET_LIMIT_BYTES) {
    throw unreadable(
      name,
      `its value has more than ${SECRET_LIMIT_BYTES / 1024} KiB, which no secret may have`,
    );
  }
  return value;
}

function unreadable(name: string, message: string, cause?: unknown): SecretFailure {
  return new SecretFailure('secret-unreadable', `secret ${name}: ${message}`, { cause });
}
