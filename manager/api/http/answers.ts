import type { JsonObject } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJson } from '@connectrpc/connect/protocol-connect';
import { WIZ_VERSION } from '../../../proto/version.ts';
import type { HttpResponse } from './messages.ts';

/** What every answer says to a browser: take it for what it says it is, and keep nothing of it. */
export function setSafeHeaders(response: HttpResponse): void {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('cache-control', 'no-store');
  response.setHeader('referrer-policy', 'no-referrer');
  // A client tells a daemon from whatever else may answer by it, and warns when theirs differs.
  response.setHeader('wiz-version', WIZ_VERSION);
}

export function answerJson(response: HttpResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': `${body.length}` });
  response.end(body);
}

/** Headers that an error may bring: how to sign in, when to try again. */
const TOLD = ['www-authenticate', 'retry-after'];

/** One that is no ConnectError is our own fault, and says no more than that. */
export function knownError(error: unknown): ConnectError {
  return error instanceof ConnectError ? error : new ConnectError('internal error', Code.Internal);
}

/** Connect's JSON: {code, message, details}. */
export function errorJson(error: unknown): JsonObject {
  return errorToJson(knownError(error), undefined);
}

/** Answers with errorJson. */
export function answerError(response: HttpResponse, error: unknown, status?: number): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const known = knownError(error);
  if (known.code === Code.Unauthenticated) response.setHeader('www-authenticate', 'Bearer');
  for (const name of TOLD) {
    const value = known.metadata.get(name);
    if (value !== null) response.setHeader(name, value);
  }
  answerJson(response, status ?? codeToHttpStatus(known.code), errorJson(known));
}
