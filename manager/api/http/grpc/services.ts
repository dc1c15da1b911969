import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext, Interceptor } from '@connectrpc/connect';
import { ServerReflection } from '../../../../proto/gen/grpc/reflection/v1/reflection_pb.js';
import { ServerReflection as ServerReflectionAlpha } from '../../../../proto/gen/grpc/reflection/v1alpha/reflection_pb.js';
import { Health } from '../../../../proto/gen/health/v1/health_pb.js';
import { Role } from '../../../../proto/gen/wiz/v1/options_pb.js';
import type { Admit } from '../endpoint.ts';
import { peerKey } from '../peer.ts';
import { healthService } from './health.ts';
import { createReflection } from './reflection.ts';

/** What every gRPC server should have beside its own services; their protos say nothing of roles. */
export function grpcServices(services: readonly DescService[], draining: AbortSignal) {
  return (router: ConnectRouter): void => {
    const reflected = [...services, Health, ServerReflection, ServerReflectionAlpha];
    const reflection = createReflection(reflected) as never;
    router.service(Health, healthService(services, draining));
    router.service(ServerReflection, reflection);
    router.service(ServerReflectionAlpha, reflection);
  };
}

/** Health says itself what draining is. */
export function grpcEndings(ending: Interceptor): Interceptor {
  return (next) => {
    const ended = ending(next);
    return (request) => (request.service.typeName === Health.typeName ? next(request) : ended(request));
  };
}

/** Probes have no credential. What the API looks like is for those who may use it. */
export function grpcGate(admit: Admit | undefined) {
  return async ({ service, requestHeader, values }: HandlerContext): Promise<void> => {
    if (service.typeName === Health.typeName) return;
    await admit?.(requestHeader, values.get(peerKey), Role.VIEWER);
  };
}
