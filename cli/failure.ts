/**
 * What a person, or a script, gets when a command fails.
 *
 * With --json the error is one JSON object on stderr:
 * {"error":{"code","message","hint","diagnostics":[{"file","line","column","message","hint"}]}}.
 */
import type { Writable } from 'node:stream';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Diagnostic, WizError } from '../proto/error.ts';
import { DiagnosticsSchema } from '../proto/gen/wiz/v1/pipelines_pb.js';
import { nearest } from './nearest.ts';
import { UNREACHABLE, USAGE, UsageError } from './usage.ts';

export interface Failure {
  exitCode: number;
  /** Of proto/error.ts, or usage. */
  code: string;
  message: string;
  hint: string;
  diagnostics: Diagnostic[];
}

/** Prints a failure and returns the exit code. */
export function reportFailure(
  error: unknown,
  options: { argv: string[]; stderr: Writable; debug: boolean },
): number {
  const failure = failureOf(error);
  if (wantsJson(options.argv)) {
    const { exitCode: _, ...visible } = failure;
    options.stderr.write(`${JSON.stringify({ error: visible })}\n`);
  } else {
    options.stderr.write(failureLines(failure).join('\n').concat('\n'));
  }
  if (options.debug && error instanceof Error) options.stderr.write(`${error.stack}\n`);
  return failure.exitCode;
}

export function failureLines({ message, hint, diagnostics }: Failure): string[] {
  const lines = diagnostics.flatMap((diagnostic) => [
    `${placeOf(diagnostic)}${diagnostic.message}`,
    ...(diagnostic.hint ? [`  ${diagnostic.hint}`] : []),
  ]);
  // Of a single problem in a file the message is the same again.
  if (
    diagnostics.length === 1 &&
    message.startsWith(`${placeOf(diagnostics[0]!)}${diagnostics[0]!.message}`)
  ) {
    return lines;
  }
  return [...lines, `wiz: ${message}`, ...(hint ? [`  ${hint}`] : [])];
}

export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) {
    return failure(USAGE, 'usage', error.message, error.hint, [...error.diagnostics]);
  }
  if (error instanceof ConnectError) {
    const diagnostics = error.findDetails(DiagnosticsSchema).flatMap((detail) => detail.diagnostics);
    const code = CONNECT_CODES[error.code] ?? 'internal';
    return failure(exitCodeOf(code), code, error.rawMessage, '', diagnostics.map(plain));
  }
  // By name: the class may have been bundled twice.
  if (error instanceof Error && error.name === 'WizError') {
    const { code, message, diagnostics } = error as WizError;
    return failure(exitCodeOf(code), code, message, '', [...diagnostics]);
  }
  if (isParseError(error)) return parseFailure(error);
  const message = error instanceof Error ? error.message : String(error);
  const hint = 'This is a fault of wiz; WIZ_DEBUG=1 shows where it happened.';
  return failure(UNREACHABLE, 'internal', message, hint);
}

function failure(
  exitCode: number,
  code: string,
  message: string,
  hint = '',
  diagnostics: Diagnostic[] = [],
): Failure {
  return { exitCode, code, message, hint, diagnostics };
}

const CONNECT_CODES: Partial<Record<Code, string>> = {
  [Code.InvalidArgument]: 'invalid_argument',
  [Code.NotFound]: 'not_found',
  [Code.AlreadyExists]: 'already_exists',
  [Code.FailedPrecondition]: 'failed_precondition',
  [Code.PermissionDenied]: 'permission_denied',
  [Code.Unauthenticated]: 'unauthenticated',
  [Code.ResourceExhausted]: 'resource_exhausted',
  [Code.Unavailable]: 'unavailable',
  [Code.Aborted]: 'aborted',
};

function exitCodeOf(code: string): number {
  return ['invalid_argument', 'not_found', 'already_exists', 'failed_precondition'].includes(code)
    ? USAGE
    : UNREACHABLE;
}

function placeOf({ file, line, column }: Diagnostic): string {
  const place = [file, line > 0 ? line : '', line > 0 && column > 0 ? column : ''].filter(
    (part) => part !== '',
  );
  return place.length > 0 ? `${place.join(':')}: ` : '';
}

/** Without what protobuf adds to its messages. */
function plain({ file, line, column, message, hint }: Diagnostic): Diagnostic {
  return { file, line, column, message, hint };
}

interface ParseError extends Error {
  oclif: { exit?: number };
  /** Flags that do not exist. */
  flags?: string[];
  parse?: { input?: { flags?: Record<string, unknown>; context?: { id?: string } } };
}

/** Errors of oclif itself: it could not understand the arguments. */
function isParseError(error: unknown): error is ParseError {
  return error instanceof Error && 'oclif' in error;
}

function parseFailure(error: ParseError): Failure {
  const message = error.message.replace(/\nSee more help with --help$/, '');
  const known = Object.keys(error.parse?.input?.flags ?? {}).map((name) => `--${name}`);
  const near = (error.flags ?? []).map((flag) => nearest(flag, known)).filter((name) => name !== undefined);
  const id = error.parse?.input?.context?.id?.replaceAll(':', ' ');
  const help = id ? `\`wiz ${id} --help\` shows what it takes.` : '';
  const hint = near.length > 0 ? `Did you mean ${near.join(', ')}? ${help}`.trim() : help;
  return failure(USAGE, 'usage', message.charAt(0).toLowerCase() + message.slice(1), hint);
}

/** The program's own --json, after a `--`, is not ours. */
function wantsJson(argv: string[]): boolean {
  const separator = argv.indexOf('--');
  return argv.slice(0, separator === -1 ? undefined : separator).includes('--json');
}
