import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { type ErrorCode, WizError } from '../../proto/error.ts';
import { DiagnosticsSchema } from '../../proto/gen/wiz/v1/pipelines_pb.js';

const CODES: Record<ErrorCode, Code> = {
  invalid_argument: Code.InvalidArgument,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  failed_precondition: Code.FailedPrecondition,
  permission_denied: Code.PermissionDenied,
  unauthenticated: Code.Unauthenticated,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  aborted: Code.Aborted,
  internal: Code.Internal,
};

/** An error as the API answers it: the code of the same name, diagnostics as a detail, the cause kept back. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (!(error instanceof WizError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new ConnectError(message, Code.Internal, undefined, undefined, error);
  }
  const diagnostics = [...error.diagnostics];
  const details = diagnostics.length > 0 ? [{ desc: DiagnosticsSchema, value: { diagnostics } }] : undefined;
  return new ConnectError(error.message, CODES[error.code], undefined, details, error.cause);
}

/** Wraps a unary handler so that it answers with toConnectError. */
export function unary<Request, Response>(
  handle: (request: Request, context: HandlerContext) => Promise<Response>,
) {
  return async (request: Request, context: HandlerContext): Promise<Response> => {
    try {
      return await handle(request, context);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}

/** The same for a server stream. */
export function streaming<Request, Context, Response>(
  handle: (request: Request, context: Context) => AsyncIterable<Response>,
) {
  return async function* (request: Request, context: Context): AsyncGenerator<Response> {
    try {
      yield* handle(request, context);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}
