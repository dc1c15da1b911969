import { create } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import {
  DescribeRequestSchema,
  type DescribeResponse,
  DrainRequestSchema,
  type DrainResponse,
  StopRequestSchema,
  type StopResponse,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Channel } from './channel.ts';
import type { Dial } from './dial.ts';
import { executorError } from './executor-error.ts';

export interface CallOptions extends Dial {
  /** Milliseconds for connection and answer; 5,000 by default. */
  timeoutMs?: number;
}

/** Asks an executor what it is. Rejects with WizError: unavailable, unauthenticated, … */
export function describeExecutor(options: CallOptions): Promise<DescribeResponse> {
  const request = create(DescribeRequestSchema);
  return call(options, ({ client, metadata }, limits, answer) =>
    client.describe(request, metadata(), limits, answer),
  );
}

/** Asks an executor to end. Rejects with WizError: unavailable, unauthenticated, … */
export function stopExecutor(options: CallOptions & { force: boolean }): Promise<StopResponse> {
  const request = create(StopRequestSchema, { force: options.force });
  return call(options, ({ client, metadata }, limits, answer) =>
    client.stop(request, metadata(), limits, answer),
  );
}

/** Asks an executor to take nothing new and to end when it is done, or to go on after all. Rejects with WizError. */
export function drainExecutor(options: CallOptions & { undo: boolean }): Promise<DrainResponse> {
  const request = create(DrainRequestSchema, { undo: options.undo });
  return call(options, ({ client, metadata }, limits, answer) =>
    client.drain(request, metadata(), limits, answer),
  );
}

type Answer<Response> = (error: ServiceError | null, response?: Response) => void;

async function call<Response>(
  { address, token, timeoutMs = 5000, tls }: CallOptions,
  start: (channel: Channel, limits: { deadline: number }, answer: Answer<Response>) => void,
): Promise<Response> {
  const { openChannel } = await import('./channel.ts');
  const channel = openChannel(address, token, tls);
  try {
    return await new Promise((resolve, reject) => {
      start(channel, { deadline: Date.now() + timeoutMs }, (error, response) => {
        if (error || !response) reject(executorError(address, error));
        else resolve(response);
      });
    });
  } finally {
    channel.client.close();
  }
}
