import type { DescMessage, Message } from '@bufbuild/protobuf';
import type { Interceptor, StreamRequest, UnaryRequest } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { toConnectError } from '../api/errors.ts';
import type { AuditedCall, AuditLog, OpenEntry } from './audit.ts';
import { joinTargets, targetOf } from './target.ts';

/** One call with its entry in the audit: written before it is made, ended when it has ended. */

type Next = ReturnType<Interceptor>;
type Answer = Awaited<ReturnType<Next>>;

export async function audited(
  audit: AuditLog,
  call: AuditedCall,
  request: UnaryRequest | StreamRequest,
  next: Next,
): Promise<Answer> {
  const { input, output } = request.method;
  const before = request.stream ? '' : targetOf(input, request.message);
  const entry = await audit.begin({ ...call, target: before }).catch((error) => {
    throw toConnectError(error);
  });
  const targets = collector(entry);
  try {
    const answer = await next(request.stream ? noting(request, input, targets) : request);
    if (answer.stream) return { ...answer, message: untilEnd(answer.message, output, targets, entry) };
    targets.add(output, answer.message);
    entry.end('ok', targets.joined);
    return answer;
  } catch (error) {
    entry.end(codeToString(toConnectError(error).code), targets.joined);
    throw error;
  }
}

interface Targets {
  joined: string;
  add(schema: DescMessage, message: Message): void;
}

/** Of a stream the first message says what it is about. */
function collector(entry: OpenEntry): Targets {
  const told = new Set<DescMessage>();
  return {
    joined: entry.target,
    add(schema, message) {
      if (told.has(schema)) return;
      told.add(schema);
      this.joined = joinTargets(this.joined, targetOf(schema, message));
    },
  };
}

function noting(request: StreamRequest, schema: DescMessage, targets: Targets): StreamRequest {
  async function* noted() {
    for await (const message of request.message) {
      targets.add(schema, message);
      yield message;
    }
  }
  return { ...request, message: noted() };
}

/** A stream that its reader leaves has ended well: it was given what it asked for. */
async function* untilEnd<T extends Message>(
  messages: AsyncIterable<T>,
  schema: DescMessage,
  targets: Targets,
  entry: OpenEntry,
): AsyncGenerator<T> {
  let outcome = 'ok';
  try {
    for await (const message of messages) {
      targets.add(schema, message);
      yield message;
    }
  } catch (error) {
    outcome = codeToString(toConnectError(error).code);
    throw error;
  } finally {
    entry.end(outcome, targets.joined);
  }
}
