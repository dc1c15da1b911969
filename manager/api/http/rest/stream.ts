import type { DescMethod, JsonValue, Message } from '@bufbuild/protobuf';
import { errorJson } from '../answers.ts';
import { jsonText } from '../json.ts';
import { type HttpRequest, type HttpResponse, isGone } from '../messages.ts';
import { drained } from '../stalled.ts';
import { eventIdOf } from './resume.ts';
import type { Route } from './route.ts';

/** How a stream is written. */
interface Form {
  headers: Record<string, string>;
  message(message: Message): string | Uint8Array;
  /** The error that ended it; undefined when only a broken connection can say so. */
  error?(json: JsonValue): string;
  end?: string;
  /** What says that the stream lives while it has nothing to say. */
  heartbeat?: string;
}

/** Milliseconds: proxies close what says nothing for a minute, some for 30 s. */
const HEARTBEAT_MS = 15_000;
/** Milliseconds after which an answer begins though nothing has been said: an error before that still has its status. */
const BEGIN_MS = 5_000;
/** Milliseconds that EventSource waits before it connects again. */
const RETRY_MS = 1_000;

/** Answers with a stream of messages. Throws what ends it before it has begun. */
export async function answerStream(
  route: Route,
  messages: AsyncIterable<Message>,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  const asEvents = request.headers.accept?.includes('text/event-stream') ?? false;
  const form = formOf(route, asEvents);
  const begin = () => {
    if (!response.headersSent) response.writeHead(200, form.headers);
  };
  const starting = setTimeout(begin, BEGIN_MS);
  const beat = () => {
    begin();
    if (form.heartbeat !== undefined && !response.writableNeedDrain) response.write(form.heartbeat);
  };
  const beats = setInterval(beat, HEARTBEAT_MS);
  try {
    for await (const message of messages) {
      begin();
      const chunk = form.message(message);
      if (chunk.length > 0 && !response.write(chunk)) await drained(response);
      if (isGone(response)) return;
      beats.refresh();
    }
    // To an EventSource that comes again this says that there is nothing more.
    if (asEvents && !response.headersSent && 'last-event-id' in request.headers) response.writeHead(204);
    begin();
    response.end(response.statusCode === 204 ? undefined : form.end);
  } catch (error) {
    if (!response.headersSent) throw error;
    if (form.error === undefined) response.destroy();
    else response.end(form.error(errorJson(error)));
  } finally {
    clearTimeout(starting);
    clearInterval(beats);
  }
}

function formOf({ method, content }: Route, asEvents: boolean): Form {
  if (content !== '') return contentForm(method, content);
  if (asEvents) return eventForm(method);
  return {
    headers: { 'content-type': 'application/x-ndjson' },
    message: (message) => `${jsonText(method.output, message)}\n`,
    error: (json) => `${JSON.stringify({ error: json })}\n`,
  };
}

function eventForm(method: DescMethod): Form {
  let retry = `retry: ${RETRY_MS}\n`;
  return {
    headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
    message(message) {
      const id = eventIdOf(method, message);
      // JSON has no line ends but those it escapes.
      const text = `${retry}${id === undefined ? '' : `id: ${id}\n`}data: ${jsonText(method.output, message)}\n\n`;
      retry = '';
      return text;
    },
    error: (json) => `event: error\ndata: ${JSON.stringify(json)}\n\n`,
    end: 'event: end\ndata: {}\n\n',
    heartbeat: ': alive\n\n',
  };
}

function contentForm(method: DescMethod, name: string): Form {
  const field = method.output.field[name] ?? method.output.fields.find((one) => one.name === name)!;
  const isJson = name === 'json';
  return {
    headers: isJson
      ? { 'content-type': 'application/json' }
      : {
          'content-type': 'application/octet-stream',
          // Content is whatever a program has left: no browser shows it as a page of ours.
          'content-disposition': 'attachment',
          'content-security-policy': "sandbox; default-src 'none'",
        },
    message: (message) => (message as unknown as Record<string, string | Uint8Array>)[field.localName]!,
  };
}
