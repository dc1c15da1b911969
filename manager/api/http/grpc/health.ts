import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import {
  type Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../../proto/gen/health/v1/health_pb.js';
import { restarting } from '../endings.ts';

/** Health of the services, and of all together under the empty name: they serve until the port drains. */
export function healthService(
  services: readonly DescService[],
  draining: AbortSignal,
): ServiceImpl<typeof Health> {
  const names = new Set(['', ...services.map(({ typeName }) => typeName)]);
  const now = () => of(draining.aborted ? Status.NOT_SERVING : Status.SERVING);

  async function* watch(
    { service }: HealthCheckRequest,
    { signal }: HandlerContext,
  ): AsyncGenerator<HealthCheckResponse> {
    if (!names.has(service)) {
      yield of(Status.SERVICE_UNKNOWN);
      return await aborted(signal);
    }
    yield now();
    // Not a listener on `draining`, which lives as long as the port.
    await aborted(AbortSignal.any([signal, draining]));
    if (!draining.aborted) return;
    yield now();
    throw restarting();
  }

  return {
    check({ service }) {
      if (names.has(service)) return now();
      throw new ConnectError(`There is no service "${service}" here.`, Code.NotFound);
    },
    list: () => ({ statuses: Object.fromEntries([...names].map((name) => [name, now()])) }),
    watch,
  };
}

function of(status: Status): HealthCheckResponse {
  return { $typeName: 'grpc.health.v1.HealthCheckResponse', status };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
