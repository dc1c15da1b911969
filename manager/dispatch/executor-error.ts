import type { ServiceError } from '@grpc/grpc-js';
import { type ErrorCode, WizError } from '../../proto/error.ts';
import { connectionProblem } from './connection-problem.ts';

/** Numbers of gRPC's status codes that say more than "it did not work". */
const CODES: Record<number, ErrorCode> = {
  3: 'invalid_argument',
  5: 'not_found',
  7: 'permission_denied',
  8: 'resource_exhausted',
  9: 'failed_precondition',
  13: 'internal',
  16: 'unauthenticated',
};

/** What a call to an executor failed with, as a sentence that names the address. */
export function executorError(address: string, cause: unknown): WizError {
  const { code, details, message } = cause as Partial<ServiceError>;
  const said = details || message || String(cause);
  const wizCode = CODES[code ?? -1] ?? 'unavailable';
  if (wizCode === 'unauthenticated' || wizCode === 'permission_denied') {
    return new WizError(
      wizCode,
      `The executor at ${address} refused the token (${said}). Set WIZ_EXECUTOR_TOKEN to the executor's.`,
      { cause },
    );
  }
  if (wizCode === 'unavailable') {
    const { told, advice } = connectionProblem(said);
    return new WizError(wizCode, `The executor at ${address} cannot be reached: ${told}. ${advice}`, {
      cause,
    });
  }
  return new WizError(wizCode, `The executor at ${address} answered: ${said}.`, { cause });
}
