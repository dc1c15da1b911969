import type { DescMethod, Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  RunService,
  type WatchRunRequest,
  type WatchRunResponse,
} from '../../../../proto/gen/wiz/v1/runs_pb.js';

/** Puts Last-Event-ID, which EventSource sends when it connects again, into the request of a stream that can go on. */
export function resumeFrom(method: DescMethod, input: Message, lastEventId: string | null): void {
  if (method !== RunService.method.watchRun || lastEventId === null || lastEventId === '') return;
  const seq = Number(lastEventId);
  if (!Number.isInteger(seq) || seq < 0 || seq > 0xffff_ffff)
    throw new ConnectError('Last-Event-ID is no sequence number.', Code.InvalidArgument);
  const request = input as WatchRunRequest;
  request.afterSeq = Math.max(request.afterSeq, seq);
}

/** What Last-Event-ID is to say after this message; undefined when it changes nothing. */
export function eventIdOf(method: DescMethod, message: Message): number | undefined {
  if (method !== RunService.method.watchRun) return undefined;
  return (message as WatchRunResponse).events.at(-1)?.seq;
}
