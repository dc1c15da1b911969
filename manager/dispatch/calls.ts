import { create } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import {
  DescribeRequestSchema,
  type DescribeResponse,
  StopRequestSchema,
  type StopResponse,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Channel, TlsOptions } from './channel.ts';
import { executorError } from './executor-error.ts';

export interface CallOptions {
  /** unix:/path or host:port */
  address: string;
  token: string;
  /** Milliseconds for connection and answer; 5,000 by default. */
  timeoutMs?: number;
  tls?: TlsOptions;
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
