import type { Transport } from '@connectrpc/connect';
import { openSpans } from '../proto/spans.ts';
import { parseTraceparent, type SpanName, traceparentOf } from '../proto/trace-context.ts';

/** The trace that a command is a part of: TRACEPARENT of its environment, or one that it begins for a collector. */
export interface CommandTrace {
  /** The same transport; every call names the trace. */
  on(transport: Transport): Transport;
  /** The command has ended, with an error or with what is in process.exitCode. The first call counts. */
  end(error?: Error): Promise<void>;
}

/** Milliseconds that a command waits at its end for a collector. */
const CLOSE_MS = 2000;

/** Undefined when nobody traces it, as nearly always: then nothing is loaded for it. */
export async function commandTrace(
  command: string,
  environment: NodeJS.ProcessEnv,
): Promise<CommandTrace | undefined> {
  const parent = parseTraceparent(environment.TRACEPARENT, environment.TRACESTATE);
  const spans = await openSpans({ service: 'wiz', environment, closeMs: CLOSE_MS });
  const own = spans?.start(`wiz ${command}`, {
    kind: 'client',
    parent,
    attributes: { 'wiz.command': command },
  });
  const span = own?.span ?? parent;
  if (span === undefined) return undefined;
  let ending: Promise<void> | undefined;

  async function end(error: Error | undefined): Promise<void> {
    const code = error === undefined ? Number(process.exitCode ?? 0) : undefined;
    own?.set({ 'process.exit.code': code });
    own?.end(error?.message ?? (code === 0 ? undefined : `exit code ${code}`));
    await spans?.close();
  }

  return {
    on: (transport) => naming(span, transport),
    end: (error) => (ending ??= end(error)),
  };
}

function naming(span: SpanName, transport: Transport): Transport {
  const named = (given: ConstructorParameters<typeof Headers>[0]): Headers => {
    const headers = new Headers(given);
    headers.set('traceparent', traceparentOf(span));
    if (span.state !== '') headers.set('tracestate', span.state);
    return headers;
  };
  return {
    unary: (method, signal, timeoutMs, header, ...rest) =>
      transport.unary(method, signal, timeoutMs, named(header), ...rest),
    stream: (method, signal, timeoutMs, header, ...rest) =>
      transport.stream(method, signal, timeoutMs, named(header), ...rest),
  };
}
