import {
  Code,
  ConnectError,
  type ContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { toConnectError } from '../api/errors.ts';
import { spanOfCall } from '../observe/call-trace.ts';
import type { AuditLog } from './audit.ts';
import { audited } from './audited-call.ts';
import type { Authenticator } from './authenticate.ts';
import { outOfScope, roleTooLow } from './denial.ts';
import { callerKey, type Identity, NOBODY } from './identity.ts';
import { factsOf, type MethodFacts } from './methods.ts';
import { allows } from './scopes.ts';

/**
 * Every call goes through here. `gate` is asked when only the headers are there: what it refuses is not read, decompressed or
 * parsed. `interceptor` asks it when nobody has, so that a transport without gates is no way around it, and audits the call.
 */
export interface Guard {
  gate(context: Pick<HandlerContext, 'method' | 'requestHeader' | 'values'>): Promise<void>;
  interceptor: Interceptor;
}

export interface GuardOptions {
  audit: AuditLog;
  /** Who calls. Throws ConnectError. */
  identify(headers: Headers, values: ContextValues): Promise<Identity>;
  /** Undefined: nobody's credential ends. */
  holds?: Authenticator['holds'];
  /** Address of the caller, for the audit. */
  peerOf(values: ContextValues): string;
  now: () => number;
}

export function createGuard(options: GuardOptions): Guard {
  const { audit, identify, peerOf, now } = options;

  function callOf(caller: Identity | undefined, facts: MethodFacts, headers: Headers, values: ContextValues) {
    const traceId = spanOfCall(values, headers)?.traceId ?? '';
    return { caller, method: facts.name, target: '', peer: peerOf(values), traceId };
  }

  async function check(facts: MethodFacts, headers: Headers, values: ContextValues): Promise<Identity> {
    let caller: Identity | undefined;
    try {
      caller = facts.role === Role.ANYONE ? NOBODY : await identify(headers, values);
      mayCall(caller, facts);
      return caller;
    } catch (thrown) {
      const error = toConnectError(thrown);
      if (facts.changes) {
        const call = callOf(caller, facts, headers, values);
        const isFlood = error.code === Code.ResourceExhausted && caller === undefined;
        if (isFlood) audit.turnedAway(call, codeToString(error.code));
        else audit.refused(call, codeToString(error.code));
      }
      throw error;
    }
  }

  return {
    async gate({ method, requestHeader, values }) {
      values.set(callerKey, await check(factsOf(method), requestHeader, values));
    },
    interceptor: (next) => async (request) => {
      const { header, contextValues } = request;
      const facts = factsOf(request.method);
      const caller = contextValues.get(callerKey) ?? (await check(facts, header, contextValues));
      contextValues.set(callerKey, caller);
      const answer = facts.changes
        ? await audited(audit, callOf(caller, facts, header, contextValues), request, next)
        : await next(request);
      const { holds } = options;
      if (holds === undefined || !answer.stream) return answer;
      return { ...answer, message: whileHolds(answer.message, () => holds(caller), now) };
    },
  };
}

/** Throws ConnectError permission_denied. */
export function mayCall(caller: Identity, { name, role }: MethodFacts): void {
  if (role === Role.UNSPECIFIED) {
    throw new ConnectError(`${name} says in no proto who may call it: nobody may.`, Code.PermissionDenied);
  }
  if (caller.role < role) throw roleTooLow(name, role, caller);
  if (!allows(caller.scopes, name)) throw outOfScope(name, caller.name);
}

/** Milliseconds after which a stream asks, before its next message, whether its caller may still have it. */
const ASK_AGAIN_MS = 10_000;

async function* whileHolds<T>(
  messages: AsyncIterable<T>,
  stillHolds: () => Promise<boolean>,
  now: () => number,
): AsyncGenerator<T> {
  let askedMs = now();
  for await (const message of messages) {
    if (now() - askedMs >= ASK_AGAIN_MS) {
      if (!(await stillHolds())) {
        throw new ConnectError('The credential of this stream is no longer valid.', Code.Unauthenticated);
      }
      askedMs = now();
    }
    yield message;
  }
}
